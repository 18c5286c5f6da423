// Reads a trace: bytes in, events out. Trusts nothing it reads.
//
// Works on a finished trace, on one being written, and on what is left after its recorder was
// killed at any instruction: the events up to the last whole chunk.
//
// Owns:    its file descriptors. A ChunkView owns its bytes: it may outlive the Reader.
// Threads: not thread-safe; open one Reader for each thread. ChunkViews can be shared.
// Errors:  not_found if the folder is no trace; corrupt with the byte offset in the events
//          file; unsupported if a newer format is needed; io.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "trace/base/result.h"
#include "trace/store/event_view.h"
#include "trace/store/store.h"

namespace ckpt {

// What a chunk's frame says of it: enough to skip it without decompressing.
struct ChunkInfo {
  uint64_t offset = 0;          // of its frame in the events file
  EventNumber first;            // number of its first event
  uint32_t count = 0;           // events in it, at least 1
  uint32_t raw_bytes = 0;       // of its events
  uint32_t stored_bytes = 0;    // of its frame, header and padding included
  uint32_t min_time_100us = 0;  // least and greatest time of its events
  uint32_t max_time_100us = 0;
  uint32_t min_task = 0;  // least and greatest task number
  uint32_t max_task = 0;
  uint64_t task_mask = 0;    // bit task % 64 for each task with an event in it
  uint64_t kind_mask = 0;    // bit kind for each EventKind in it
  uint64_t number_mask = 0;  // bit number % 64 for each syscall, signal… number in it

  EventNumber end() const { return {first.value + count}; }
  bool may_have_task(uint32_t task) const {
    return task >= min_task && task <= max_task && (task_mask >> (task % 64) & 1);
  }
  bool may_have_kind(abi::EventKind kind) const { return kind_mask >> (static_cast<uint8_t>(kind) % 64) & 1; }
  bool may_have_number(uint16_t number) const { return number_mask >> (number % 64) & 1; }
};

// The small columns of a chunk, one entry for each event. Three to eight times cheaper than
// the events themselves.
struct ChunkColumns {
  ChunkInfo info;
  std::vector<abi::EventKind> kinds;
  std::vector<uint16_t> numbers;
  std::vector<uint32_t> tasks;
  std::vector<uint32_t> times_100us;
};

// A decoded chunk: its events, byte for byte as they were appended, validated.
// Copies are cheap and share the bytes.
class ChunkView final {
 public:
  const ChunkInfo& info() const { return data_->info; }
  EventNumber first() const { return data_->info.first; }
  uint32_t count() const { return data_->info.count; }

  // All events in one span, 8-byte aligned.
  std::span<const std::byte> events() const { return data_->events; }
  EventRange range() const { return EventRange(events()); }

  // Event `index` of the chunk, from 0; index < count(). Constant time.
  EventView event(uint32_t index) const { return EventView(data_->events.data() + data_->offsets[index]); }
  // The event with number `number`, which must be in this chunk.
  EventView at(EventNumber number) const { return event(static_cast<uint32_t>(number.value - first().value)); }
  bool has(EventNumber number) const { return number >= first() && number < data_->info.end(); }

  // What a ChunkView shares; made by the Reader.
  struct Data {
    ChunkInfo info;
    std::unique_ptr<std::byte[]> storage;
    std::span<const std::byte> events;
    std::vector<uint32_t> offsets;
  };
  explicit ChunkView(std::shared_ptr<const Data> data) : data_(std::move(data)) {}

 private:
  std::shared_ptr<const Data> data_;
};

// One thing verify() found wrong.
struct Problem {
  std::string file;     // within the trace folder
  uint64_t offset = 0;  // byte in it
  std::string message;
};

struct VerifyReport {
  uint64_t chunks = 0;
  uint64_t events = 0;
  uint64_t images = 0;  // image manifests with their pages
  uint64_t files = 0;   // file copies
  uint64_t checked_bytes = 0;
  bool complete = false;  // `end` is there
  bool cut = false;       // the last chunk was cut (recorder killed)
  std::vector<Problem> problems;
  bool ok() const { return problems.empty(); }
};

class Reader final {
 public:
  static Result<Reader> open(const std::string& folder);
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;
  ~Reader();

  const std::string& folder() const;
  const TraceHeader& header() const;

  // The `end` of the trace; nothing while it is being written, and if the recorder was killed.
  // Looks again if there was none before. A damaged `end` is corrupt.
  Result<std::optional<TraceEnd>> end();

  // The next chunk; nothing at the present end of the file: a later call may give more if the
  // trace is being written. After corrupt, the same call gives the same error; chunks
  // after the damage can be reached with seek() if the frames between are whole.
  Result<std::optional<ChunkView>> next_chunk();

  // The file ended within a chunk, last time we looked. Only in a trace without `end`.
  bool cut() const;

  // Makes next_chunk() give the chunk that holds `number`. not_found if the trace does not
  // reach it (one past the last event is reached: next_chunk() then gives nothing yet).
  Result<void> seek(EventNumber number);

  // Every whole chunk so far, from their frames alone. If a frame is damaged the list ends
  // before it, and the error is given by next_chunk() and verify().
  Result<std::vector<ChunkInfo>> chunks();

  // Events in the whole chunks so far.
  Result<uint64_t> events();

  // One chunk, wherever the reader stands. `info` from chunks().
  Result<ChunkView> read_chunk(const ChunkInfo& info);
  Result<ChunkColumns> read_columns(const ChunkInfo& info);

  // Reads everything: checksums and lengths of header, chunks, end, images, pages, page hashes
  // and file copies. Fails only if it cannot read; what is damaged is in the report.
  Result<VerifyReport> verify();

 private:
  struct State;
  explicit Reader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ckpt
