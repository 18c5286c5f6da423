// Where things are: our own files beside the commands, and the store of traces.
//
// A trace in the store is a folder PROGRAM-N; the link `latest` names the newest one begun.
//
// Owns:    nothing.
// Threads: safe; two processes may make trace folders in one store at once.
// Errors:  not_found if there is no such file or trace; io with the kernel's reason.
#pragma once

#include <string>
#include <string_view>

#include "trace/base/result.h"

namespace ckpt {

// The folder of the running command, links resolved.
std::string executable_folder();

// The full path of one of our own files: `ckpt-agent-record.bin`, `libckpt-shim.so`. Looks in
// `$CKPT_LIB_DIR` alone if that is set, else in lib/ckpt beside the command or its folder (a
// build), and in the libraries of the prefix the command is installed under.
Result<std::string> library_file(std::string_view name);

// The full path of another command of ours: beside this one, else in PATH.
Result<std::string> command_file(const std::string& name);

// The store: default_store_root() of trace/store/files.h. It may not exist yet.
std::string store_root();

// Whether `folder` is a trace, finished or not.
bool is_trace_folder(const std::string& folder);

// The folder of the trace `name`: a path, or a name in the store. Empty means `latest`.
Result<std::string> resolve_trace(const std::string& name);

// Makes an empty folder PROGRAM-N for a new trace in the store, readable by its owner only,
// with the lowest N above every existing one, and points `latest` at it. `program` may be a
// path: its last part counts.
Result<std::string> new_trace_folder(const std::string& program);

// What a recording that comes to nothing has to leave as it was.
struct Before {
  bool had_folder = false;  // the trace's folder is the user's own
  std::string latest;       // where `latest` led, or nothing
};
// `folder` may be empty: a new one in the store will be made.
Before look_before_recording(const std::string& folder);

// Removes the files of a trace that holds neither an image nor an event.
void remove_empty_trace(const std::string& folder);

// Removes an empty `folder` that was not there before, and lets `latest` lead where it led.
void take_back_folder(const std::string& folder, const Before& before);

}  // namespace ckpt
