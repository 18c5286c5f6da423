// Starting the program with the shim preloaded, or saying why it cannot be recorded.
#pragma once

#include <sys/types.h>

#include <string>

#include "record/supervisor/channel.h"
#include "record/supervisor/options.h"
#include "trace/store/file_io.h"

namespace ckpt {

// The program's file, as execvp(3) would find it. not_found, or io if it is not executable;
// unsupported for what the agent cannot get into (static, or not x86-64).
Result<std::string> find_program(const std::string& name);

struct LaunchPlan {
  std::string program;      // path to execute
  std::string shim, blob;   // our library files
  uint64_t zone = 0;
};

// A child that is about to become the program: it waits until it is let go, and ends if it never is.
struct Launched {
  pid_t pid = -1;
  FileHandle gate;
};

// The child's environment and descriptors are the caller's, but for what the shim removes.
Result<Launched> launch(const LaunchPlan& plan, const RecordOptions& options, Channel& channel);
Result<void> let_go(Launched& launched);

}  // namespace ckpt
