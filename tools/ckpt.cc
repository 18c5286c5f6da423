// ckpt: finds the command for its first argument and becomes it. `ckpt record ls` is
// `ckpt-record ls`; a command of the user's own named ckpt-NAME in PATH works too.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "tools/command.h"
#include "tools/paths.h"

namespace {

struct Command {
  const char* name;
  const char* summary;
};

constexpr Command kCommands[] = {
    {"record", "run a program and record what it does"},
    {"replay", "run a recorded program again, exactly"},
    {"trace", "look into traces: info, query, dump, ls, verify, rm"},
    {"doctor", "say what this machine offers and what is used"},
};

int help() {
  std::printf("Records a Linux program as it runs and re-executes it exactly.\n\nUsage: ckpt COMMAND [ARG...]\n\n");
  for (const Command& command : kCommands) std::printf("  %-8s %s\n", command.name, command.summary);
  std::printf(
      "\n  -h, --help   this text; ckpt COMMAND --help for a command's options\n"
      "  --version    the version\n");
  return 0;
}

bool is_command_name(const std::string& name) {
  return !name.empty() && name[0] != '-' && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

int become(const std::string& name, std::vector<std::string> arguments) {
  bool ours = std::any_of(std::begin(kCommands), std::end(kCommands), [&](auto& known) { return name == known.name; });
  auto path = is_command_name(name) ? ckpt::command_file("ckpt-" + name)
                                    : ckpt::Result<std::string>(ckpt::Error{.code = ckpt::Code::not_found});
  if (!path) {
    if (ours) return ckpt::complain(ckpt::kExitFailed, path.error());
    return ckpt::complain(ckpt::kExitUsage, name + ": is no ckpt command; see ckpt --help");
  }
  arguments.insert(arguments.begin(), "ckpt-" + name);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  execv(path->c_str(), argv.data());
  return ckpt::complain(ckpt::kExitFailed, ckpt::io_error("start " + *path));
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  if (arguments.empty()) return ckpt::complain(ckpt::kExitUsage, "a command is missing; see ckpt --help");
  std::string first = arguments.front();
  arguments.erase(arguments.begin());
  if (first == "--help" || first == "-h") return help();
  if (first == "--version") return std::printf("ckpt %s\n", CKPT_VERSION) < 0;
  if (first == "help") return arguments.empty() ? help() : become(arguments.front(), {"--help"});
  if (first.starts_with("-")) return ckpt::complain(ckpt::kExitUsage, first + ": unknown option; see ckpt --help");
  return become(first, std::move(arguments));
}
