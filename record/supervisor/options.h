// What the user asked of a recording.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ckpt {

enum class OnRecorderDeath : uint8_t { go_on, end };
enum class OnFull : uint8_t { go_on, end };

struct RecordOptions {
  std::vector<std::string> command;  // program and arguments
  std::string trace_folder;          // exists and is empty, or does not exist
  std::string store_root;            // where copies of mapped files are shared
  uint32_t slice_us = 5000;
  bool verify = false;               // hash memory at the end of the program
  bool calls = false;                // log interposed calls, too
  bool verbose = false;
  OnRecorderDeath on_recorder_death = OnRecorderDeath::go_on;
  OnFull on_full = OnFull::go_on;
  bool force_seccomp = false;
  std::string version;
};

// How the program ended, for the exit status of the recorder.
struct RecordOutcome {
  bool by_signal = false;
  int status = 0;  // exit status or signal
  bool agent_failed = false;
};

}  // namespace ckpt
