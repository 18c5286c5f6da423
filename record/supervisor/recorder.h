// One recording: starts the program, drains its log into the trace, answers the agent, keeps
// the clock of the slices, and closes the trace when the program ended.
//
// Owns:    the trace being written, the shared memory, the child.
// Threads: one.
// Errors:  not_found / io / unsupported about the program before it starts; io about the trace.
#pragma once

#include <memory>

#include "record/supervisor/options.h"
#include "trace/base/result.h"

namespace ckpt {

class Recorder final {
 public:
  explicit Recorder(RecordOptions options);
  ~Recorder();
  Recorder(const Recorder&) = delete;

  // `shim` and `blob`: our library files.
  Result<RecordOutcome> run(const std::string& shim, const std::string& blob);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ckpt
