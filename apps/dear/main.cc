// The command line: finds the command, runs it, and turns what went wrong into one line and an exit
// code (0 done, 1 the work failed, 2 wrong usage).
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <new>
#include <string>

#include "base/error.h"
#include "command.h"
#include "interrupt.h"
#include "standard_output.h"
#include "terminal.h"

namespace dear::app {
namespace {

// One line, whatever the message holds: names come from files and arguments.
int Fail(int code, const std::string& message) {
  std::fflush(stdout);
  const Terminal terminal = Terminal::Of(STDERR_FILENO);
  std::fprintf(stderr, "dear: %s %s\n", terminal.Styled("1;31", "error:").c_str(),
               OneLine(message, 2000, terminal.unicode).c_str());
  return code;
}

int UsageError(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<CLI::App*> chosen = app.get_subcommands();
  const std::string command = chosen.empty() ? "dear" : "dear " + chosen.front()->get_name();
  return Fail(2, std::string(error.what()) + " (see " + command + " --help)");
}

int Run(CLI::App& app, Globals& globals, int argc, char** argv) {
  if (argc < 2) {
    std::fputs(app.help().c_str(), stderr);
    return 2;
  }
  const std::string first = argv[1];
  const auto named = [&first](CLI::App* command) { return command->get_name() == first; };
  if (!first.starts_with("-") && app.get_subcommands(named).empty())
    return Fail(2, "unknown command '" + first + "' (see dear --help)");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    Print(app.help());
    FlushPrint();
    return 0;
  } catch (const CLI::CallForVersion& version) {
    Print(std::string(version.what()) + "\n");
    FlushPrint();
    return 0;
  } catch (const CLI::ParseError& error) {
    return UsageError(app, error);
  }
  const int code = globals.run();
  FlushPrint();
  return code;
}

int Main(int argc, char** argv) {
  InstallSignalHandlers();
  CLI::App app("Reranks passages with language models, natively", "dear");
  app.set_version_flag("--version", std::string("dear " DEAR_VERSION));
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 done, 1 the work failed, 2 wrong usage. Every long flag has an environment\n"
      "variable: --max-new-tokens reads DEAR_MAX_NEW_TOKENS. dear COMMAND --help tells more.");
  Globals globals;
  try {
    AddRerank(app, globals);
    AddEval(app, globals);
    AddTrain(app, globals);
    AddMine(app, globals);
    AddLabel(app, globals);
    AddShow(app, globals);
    AddMerge(app, globals);
    AddQuantize(app, globals);
    AddGenerate(app, globals);
    AddTokenize(app, globals);
    AddLogits(app, globals);
    AddList(app, globals);
    AddBench(app, globals);
    AddDoctor(app, globals);
    for (CLI::App* command : app.get_subcommands({})) NameEnvironment(*command);
    return Run(app, globals, argc, argv);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCancelled && Interrupted()) return Fail(1, InterruptMessage());
    return Fail(1, error.what());
  } catch (const std::bad_alloc&) {
    return Fail(1, "out of memory");
  } catch (const std::exception& error) {
    return Fail(1, error.what());
  }
}

}  // namespace
}  // namespace dear::app

int main(int argc, char** argv) {
  return dear::app::Main(argc, argv);
}
