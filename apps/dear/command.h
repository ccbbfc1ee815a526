#ifndef DEAR_APPS_DEAR_COMMAND_H_
#define DEAR_APPS_DEAR_COMMAND_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

namespace dear::app {

// What every command knows. A command's AddX function declares its flags and, when the user chose
// it, leaves its work in `run`.
struct Globals {
  bool quiet = false;
  int verbosity = 0;
  std::function<int()> run;  // returns the exit code
};

// A subcommand with --quiet and -v. `examples` (one command line a line) end its help.
CLI::App* AddCommand(CLI::App& app, Globals& globals, const std::string& name,
                     const std::string& description, const std::string& examples);

// Gives every long flag of the command its environment variable: --max-new-tokens reads
// DEAR_MAX_NEW_TOKENS. Called when all flags are declared.
void NameEnvironment(CLI::App& command);

void AddRerank(CLI::App& app, Globals& globals);
void AddTokenize(CLI::App& app, Globals& globals);
void AddGenerate(CLI::App& app, Globals& globals);
void AddLogits(CLI::App& app, Globals& globals);
void AddShow(CLI::App& app, Globals& globals);
void AddMerge(CLI::App& app, Globals& globals);
void AddQuantize(CLI::App& app, Globals& globals);
void AddEval(CLI::App& app, Globals& globals);
void AddList(CLI::App& app, Globals& globals);
void AddDoctor(CLI::App& app, Globals& globals);
void AddBench(CLI::App& app, Globals& globals);
void AddTrain(CLI::App& app, Globals& globals);
void AddMine(CLI::App& app, Globals& globals);
void AddLabel(CLI::App& app, Globals& globals);

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_COMMAND_H_
