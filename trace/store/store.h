// The shapes a trace is made of, shared by writer, reader, index and tools.
//
// A trace is a folder (mode 0700, files 0600):
//   header        Cap'n Proto `Header` message, checksummed; written first, never changed
//   events        chunks, appended (FORMAT.md)
//   image-0       Cap'n Proto `Image` manifest of checkpoint 0; image-0.pages its page bytes
//   hashes-N      hash of every page at one moment; hashes-1 at the program's end
//   files/HASH    copies of mapped files, hard links into the store where it can
//   index.sqlite  small facts and the place of each chunk; can be rebuilt from the chunks
//   end           Cap'n Proto `End`; missing while recording, and after a killed recorder
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "record/agent/abi.h"
#include "trace/base/result.h"

namespace ckpt {

struct EventNumber {
  uint64_t value = 0;
  auto operator<=>(const EventNumber&) const = default;
};

// One row of the cpuid table: leaf, subleaf and the four registers.
struct CpuidRow {
  uint32_t leaf, subleaf, eax, ebx, ecx, edx;
};

struct TraceHeader {
  uint32_t format_version = 0;        // filled by the writer
  uint32_t needs_reader_version = 0;  // a reader older than this must refuse
  uint32_t abi_version = 0;
  std::string mode = "strict";
  std::vector<std::string> argv;
  std::vector<std::string> environment;
  std::string working_directory;
  std::string program;  // the resolved path
  std::string ckpt_version;
  std::string kernel;  // uname release
  uint64_t zone_base = 0;
  uint64_t started_ns = 0;  // CLOCK_REALTIME
  uint64_t tsc_hz = 0;
  uint64_t xcr0 = 0;
  uint32_t xsave_bytes = 0;
  int32_t pid = 0;
  std::vector<CpuidRow> cpuid;
};

struct TraceEnd {
  abi::EndHow how = abi::EndHow::lost;
  int64_t status = 0;  // exit status, or the signal
  uint64_t events = 0;
  uint64_t ended_ns = 0;
  uint64_t children = 0;  // processes that ran unrecorded
  uint64_t slow_entries = 0;
  uint64_t inexact_event = 0;  // first event past which replay is not exact, or 0
  bool discarded = false;      // recording stopped early (full disk)
  std::string note{};          // why, one line
  bool has_final_hash = false;
  std::vector<std::string> refused{};  // calls without a row: "syscall 999 (3 times)"
};

// A content-hashed copy of a file: `hash` is 32 hex digits of XXH3-128 of its bytes.
struct FileCopy {
  std::string hash;
  uint64_t bytes = 0;
};

}  // namespace ckpt
