// What all our commands do alike: read a command line, and say what went wrong in one line.
//
// Owns:    nothing.
// Threads: used from main alone.
// Errors:  CLI11's exceptions end here; bad usage becomes one line on stderr and kExitUsage.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "trace/base/result.h"

namespace ckpt {

inline constexpr int kExitProblem = 1;   // the command ran and found something wrong
inline constexpr int kExitUsage = 2;     // unknown option or command, bad SQL
inline constexpr int kExitFailed = 125;  // ckpt itself could not

// Prints `ckpt: MESSAGE` on stderr, control characters made harmless, and returns `status`.
int complain(int status, const std::string& message);
int complain(int status, const Error& error);

// Reads the command line. A value is the status to exit with now: after --help, --version or bad usage.
std::optional<int> parse(CLI::App& app, int argc, char** argv, int usage_status = kExitUsage);

// Sets the version option that every command has.
void add_version(CLI::App& app);

// Whether stderr is a terminal: talk about progress is welcome only there.
bool may_show_progress();

}  // namespace ckpt
