// Writes and reads whole traces for tests.
//
// Threads: functions without state.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/unit/store/event_builder.h"
#include "tests/unit/store/require_ok.h"
#include "tests/unit/store/temp_folder.h"
#include "trace/store/reader.h"
#include "trace/store/writer.h"

namespace ckpt::test {

inline TraceHeader small_header() {
  TraceHeader header;
  header.abi_version = abi::kAbiVersion;
  header.argv = {"/bin/true", "", "a b\xff"};
  header.environment = {"HOME=/root", "EMPTY="};
  header.working_directory = "/tmp";
  header.program = "/bin/true";
  header.ckpt_version = "0.1.0";
  header.kernel = "6.18.0";
  header.zone_base = abi::kZoneCandidates[0];
  header.started_ns = 1'722'000'000'000'000'000;
  header.tsc_hz = 2'400'000'000;
  header.xcr0 = 0xe7;
  header.xsave_bytes = 2696;
  header.pid = 4711;
  header.cpuid = {{1, 0, 2, 3, 4, 5}, {7, 1, 0xffffffff, 0, 0, 9}};
  return header;
}

// Writes `events` to the new trace `folder`, a chunk after every `events_per_chunk` (0: as they come).
inline void write_trace(const std::string& folder, const EventBuilder& events, uint64_t events_per_chunk, bool end) {
  Result<Writer> writer = Writer::create(folder, small_header());
  REQUIRE_OK(writer);
  uint64_t count = 0;
  if (events_per_chunk == 0) REQUIRE_OK(writer->append(events.events()));
  if (events_per_chunk != 0)
    for (EventView event : EventRange(events.events())) {
      REQUIRE_OK(writer->append(event.bytes()));
      if (++count % events_per_chunk == 0) REQUIRE_OK(writer->flush());
    }
  if (end)
    REQUIRE_OK(writer->finish({.how = abi::EndHow::exit_group, .status = 3, .note = "done", .refused = {"a", "b"}}));
  else
    REQUIRE_OK(writer->flush());
  CHECK(writer->events() == events.count());
}

// All events a reader serves from where it stands, and how it stopped.
struct ReadBack {
  std::vector<std::byte> bytes;
  uint64_t first = 0;  // number of the first
  uint64_t events = 0;
  std::string error;  // empty: the end
  Code code = Code::io;
};
inline ReadBack read_back(Reader& reader) {
  ReadBack back;
  while (true) {
    Result<std::optional<ChunkView>> chunk = reader.next_chunk();
    if (!chunk) {
      back.error = chunk.error().message;
      back.code = chunk.error().code;
      return back;
    }
    if (!chunk->has_value()) return back;
    if (back.events == 0) back.first = (*chunk)->first().value;
    CHECK((*chunk)->first().value == back.first + back.events);
    back.bytes.insert(back.bytes.end(), (*chunk)->events().begin(), (*chunk)->events().end());
    back.events += (*chunk)->count();
  }
}

inline bool is_prefix(const std::vector<std::byte>& bytes, std::span<const std::byte> of) {
  return bytes.size() <= of.size() && std::equal(bytes.begin(), bytes.end(), of.begin());
}

}  // namespace ckpt::test
