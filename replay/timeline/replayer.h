// One replay of one process from checkpoint 0 to the end of its log.
//
// Owns:    the replaying process; it is gone when run() returns.
// Threads: one.
// Errors:  not_found, corrupt, unsupported about the trace; io about this machine. Divergence is
//          no Error: it is in the ReplayOutcome.
#pragma once

#include <optional>
#include <string>

#include "trace/base/result.h"

namespace ckpt {

struct ReplayOptions {
  std::string trace_folder;
  bool quiet = false;   // do not write what the program wrote
  bool verify = false;  // compare all memory with the hashes taken at the end of the recording
  bool verbose = false;
};

struct ReplayOutcome {
  uint64_t events = 0;      // replayed
  bool diverged = false;
  bool inexact = false;     // stopped where the trace stops being exactly replayable
  bool verified = false;    // page hashes were there and compared
  std::string report;       // what disagreed, several lines; or a remark
};

Result<ReplayOutcome> replay(const ReplayOptions& options, const std::string& blob);

}  // namespace ckpt
