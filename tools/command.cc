#include "tools/command.h"

#include <unistd.h>

#include <cstdio>

namespace ckpt {
namespace {

// Names and messages may hold bytes of a trace or a command line: keep them to one line.
std::string one_line(const std::string& message) {
  std::string line;
  for (char c : message) line += static_cast<unsigned char>(c) < ' ' || c == 0x7f ? ' ' : c;
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

}  // namespace

int complain(int status, const std::string& message) {
  std::fprintf(stderr, "ckpt: %s\n", one_line(message).c_str());
  return status;
}

int complain(int status, const Error& error) {
  return complain(status, error.message);
}

std::optional<int> parse(CLI::App& app, int argc, char** argv, int usage_status) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::Success& wanted) {
    return app.exit(wanted);
  } catch (const CLI::ParseError& error) {
    return complain(usage_status, text(app.get_name(), ": ", error.what(), "; see ", app.get_name(), " --help"));
  }
}

void add_version(CLI::App& app) {
  app.set_version_flag("--version", "ckpt " CKPT_VERSION);
}

bool may_show_progress() {
  return isatty(STDERR_FILENO) == 1;
}

}  // namespace ckpt
