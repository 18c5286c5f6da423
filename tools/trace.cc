// ckpt-trace: looks into traces. One line for each command here; each has a file of its own.
#include <utility>
#include <vector>

#include "tools/command.h"
#include "tools/trace_commands.h"

int main(int argc, char** argv) {
  using namespace ckpt;
  CLI::App app("Looks into traces. TRACE is a folder or a name in the store; without it, the latest.", "ckpt-trace");
  app.require_subcommand(0, 1);
  app.footer(
      "Exit status: 0 ok, 1 verify found a problem, 2 usage, bad SQL or an unknown table,\n"
      "125 the trace cannot be read.");
  add_version(app);
  std::vector<std::pair<CLI::App*, Run>> commands;
  for (auto add : {add_info, add_query, add_dump, add_ls, add_verify, add_rm}) {
    Run run = add(app);
    commands.emplace_back(app.get_subcommands([](CLI::App*) { return true; }).back(), run);
  }
  if (auto status = parse(app, argc, argv)) return *status;
  for (auto& [command, run] : commands)
    if (command->parsed()) return run();
  return complain(kExitUsage, "a command is missing; see ckpt-trace --help");
}
