// The commands of ckpt-trace. Each adds itself to the command line, and runs when it was chosen.
//
// Owns:    options live as long as the command line they were added to.
// Threads: used from main alone.
// Errors:  run() returns what the process exits with; what went wrong is on stderr by then.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "tools/rows.h"
#include "trace/base/result.h"
#include "trace/store/index.h"
#include "trace/store/reader.h"

namespace ckpt {

using Run = std::function<int()>;

Run add_info(CLI::App& app);
Run add_query(CLI::App& app);
Run add_dump(CLI::App& app);
Run add_ls(CLI::App& app);
Run add_verify(CLI::App& app);
Run add_rm(CLI::App& app);

// ---- What they share ------------------------------------------------------------------------

// --json and --csv.
struct FormOptions {
  bool json = false;
  bool csv = false;
  Form form() const { return json ? Form::json : csv ? Form::csv : Form::table; }
};
void add_form(CLI::App& app, FormOptions& options);

// Whether a trace is whole, and if not, why.
enum class TraceState : uint8_t { finished, stopped, recording, killed };
const char* state_name(TraceState state);
// `stopped`: the disk was full, or the like; `killed`: its recorder is gone and wrote no end.
Result<TraceState> state_of(Reader& reader);

// Says on stderr, in one line, if the trace is not finished.
void say_state(Reader& reader);

// The last part of the folder's path.
std::string trace_name(const std::string& folder);

// The exit status that documents promise for an error.
int exit_status(const Error& error);
int fail(const Error& error);

// Shows `what` and how far it is on stderr, if that is a terminal and the work takes long.
Progress show_progress(const std::string& what);
// Wipes the line that show_progress left.
void end_progress();

// Bytes of the trace's own files: copies of files that other traces share are left out.
uint64_t own_bytes(const std::string& folder);

// "2024-05-01T12:00:00Z" for nanoseconds since 1970.
std::string printed_date(uint64_t ns);

}  // namespace ckpt
