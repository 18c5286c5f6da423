// Events as columns and back: the lossless transform that makes a chunk compress well.
//
// Each event is compared with a forecast made from earlier events of its chunk, and only what
// differs is written, each field to its own stream. The same program loop then leaves the
// same few bytes again and again, which zstd folds away:
//
//   read(5, 0x7f10, 4096) = 100   shape 3, changed 0xff…  everything is new
//   read(5, 0x7f10, 4096) = 100   shape 3, changed 0      two bytes, both as the last time
//   read(5, 0x7f10, 4096) = 37    shape 3, changed 1      and one varint in `results`
//
// The forecast of an event is the last one of the same shape (kind, number, count of arguments
// and kinds of parts) with the same first argument, which is most often a descriptor, a
// futex or a clock. FORMAT.md has the rules.
//
// Owns:    ColumnEncoder its buffers, reused from chunk to chunk.
// Threads: not thread-safe.
// Errors:  decoding gives corrupt; encoding cannot fail on validated events.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "trace/base/result.h"
#include "trace/store/format.h"

namespace ckpt {

// The columns of one chunk, pointing into an encoder's buffers or a decompressed message.
struct Columns {
  // A shape: word 0 is kind | args << 8 | number << 16, then one word for each part.
  std::vector<std::span<const uint32_t>> shapes;
  std::span<const std::byte> shape_of;
  std::span<const std::byte> changed;
  std::span<const std::byte> tasks;
  std::span<const std::byte> times;
  std::span<const std::byte> results;
  std::array<std::span<const std::byte>, format::kArgStreams> args;
  std::span<const std::byte> parts;
  std::span<const std::byte> addresses;
  std::span<const std::byte> lengths;
  std::span<const std::byte> words;
  std::span<const std::byte> bytes;
};

// What a frame's header says of the events in it.
struct EventSummary {
  uint32_t count = 0;
  uint32_t raw_bytes = 0;
  uint32_t min_time_100us = UINT32_MAX;
  uint32_t max_time_100us = 0;
  uint32_t min_task = UINT32_MAX;
  uint32_t max_task = 0;
  uint64_t task_mask = 0;
  uint64_t kind_mask = 0;
  uint64_t number_mask = 0;

  void add(const abi::EventHeader& header);
  bool operator==(const EventSummary&) const = default;
};

class ColumnEncoder final {
 public:
  ColumnEncoder();
  ~ColumnEncoder();
  ColumnEncoder(ColumnEncoder&&) noexcept;
  ColumnEncoder& operator=(ColumnEncoder&&) noexcept;

  // Encodes validated events from the start of `events`, at most kMaxChunkRawBytes: all of them, or
  // those before the one that would need more than kMaxShapes shapes. Gives what was taken.
  EventSummary encode(std::span<const std::byte> events);

  // The result of the last encode(); valid until the next.
  const Columns& columns() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Rebuilds exactly `count` events of exactly out.size() bytes. `offsets` gets where each starts.
Result<void> decode_events(const Columns& columns, uint32_t count, std::span<std::byte> out,
                           std::vector<uint32_t>& offsets);

// The shape of each event, widened. Checks them against the table.
Result<std::vector<uint16_t>> decode_shapes(const Columns& columns, uint32_t count);

// A column of runs (tasks, times), spread out.
Result<std::vector<uint32_t>> decode_runs(std::span<const std::byte> runs, uint32_t count, const char* name);

}  // namespace ckpt
