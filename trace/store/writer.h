// Writes a trace: events in, bytes out.
//
// Events collect in a chunk (kChunkRawBytes or kChunkEvents, format.h); a full chunk is turned
// into columns, compressed, checksummed and appended with one write. What is not yet in
// the file is lost if the writer's process is killed, so call flush() every 100 ms or so.
//
// Owns:    the trace's `header`, `events` and `end` files. Destroying it without finish()
//          leaves a valid trace without `end`; events not flushed are lost.
// Threads: not thread-safe. Readers in other processes may read while it writes.
// Memory:  bounded, about 8 MiB, a few MiB more while an event of kMaxEventBytes passes.
// Errors:  io with os_errno; after ENOSPC, EDQUOT or EFBIG the file is cut back to its last
//          whole chunk, and every later append or flush gives the same error, while
//          finish() is still tried. corrupt if `events` is malformed: nothing of that
//          call's span from the bad event on is stored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "trace/base/result.h"
#include "trace/store/store.h"

namespace ckpt {

class Writer final {
 public:
  // Makes `folder` (0700; must not exist, or be empty) and writes its header. Fills
  // format_version and raises needs_reader_version to what this writer needs.
  static Result<Writer> create(const std::string& folder, const TraceHeader& header);

  Writer(Writer&&) noexcept;
  Writer& operator=(Writer&&) noexcept;
  ~Writer();

  // Adds whole events, any number, 8-byte aligned. Copies them.
  Result<void> append(std::span<const std::byte> events);

  // Writes the chunk begun. Cheap if nothing was appended since the last one.
  Result<void> flush();

  // Flushes, then writes `end`. `end.events` is filled in with events(). The writer is closed
  // after it. If the flush fails (full disk) `end` is written all the same, with what is stored.
  Result<void> finish(const TraceEnd& end);

  // Events appended; after a failure, events stored.
  uint64_t events() const;

  // Bytes of the events file, and bytes of events appended.
  uint64_t stored_bytes() const;
  uint64_t raw_bytes() const;

  const std::string& folder() const;

 private:
  struct State;
  explicit Writer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ckpt
