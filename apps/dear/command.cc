#include "command.h"

#include <algorithm>
#include <cctype>

namespace dear::app {

CLI::App* AddCommand(CLI::App& app, Globals& globals, const std::string& name,
                     const std::string& description, const std::string& examples) {
  CLI::App* command = app.add_subcommand(name, description);
  command->footer("Examples:\n" + examples);
  command->add_flag("--quiet", globals.quiet, "No progress and no notes on standard error");
  command->add_flag("-v,--verbose", globals.verbosity, "Say more on standard error");
  return command;
}

void NameEnvironment(CLI::App& command) {
  for (CLI::Option* option : command.get_options()) {
    if (option->get_lnames().empty() || !option->get_envname().empty()) continue;
    std::string name = option->get_lnames().front();
    if (name == "help" || name == "version") continue;
    std::ranges::transform(name, name.begin(), [](unsigned char c) {
      return c == '-' ? '_' : static_cast<char>(std::toupper(c));
    });
    option->envname("DEAR_" + name);
  }
}

}  // namespace dear::app
