// Chunks: events into a frame of the events file, and back.
//
// Owns:    ChunkEncoder its buffers; about three times the events of a chunk.
// Threads: not thread-safe.
// Errors:  decoding gives corrupt; encoding only limit, which would be a bug of ours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "trace/base/result.h"
#include "trace/store/columns.h"
#include "trace/store/format.h"

namespace ckpt {

struct EncodedChunk {
  std::span<const std::byte> frame;  // ready to write; valid until the next encode()
  EventSummary summary;              // of the events taken, from the start of the span
};

class ChunkEncoder final {
 public:
  ChunkEncoder();
  ~ChunkEncoder();
  ChunkEncoder(ChunkEncoder&&) noexcept;
  ChunkEncoder& operator=(ChunkEncoder&&) noexcept;

  // Encodes as many of the events (validated, at least one) as fit one chunk.
  Result<EncodedChunk> encode(std::span<const std::byte> events, uint64_t first_event);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Checks what a chunk's header says against the limits. Nothing of it may be used before.
Result<void> check_chunk_header(const format::ChunkFrame& header, const std::string& path, uint64_t offset);

// A chunk's payload, decompressed and taken apart into columns.
class ChunkDecoder final {
 public:
  ChunkDecoder();
  ~ChunkDecoder();
  ChunkDecoder(ChunkDecoder&&) noexcept;
  ChunkDecoder& operator=(ChunkDecoder&&) noexcept;

  // The columns; valid until the next call. `header` must have passed check_chunk_header.
  Result<const Columns*> columns(const format::ChunkFrame& header, std::span<const std::byte> payload);

  // All events, into `out` of header.raw_bytes, validated; `offsets` gets where each starts.
  // What the header says of them is compared with them.
  Result<void> events(const format::ChunkFrame& header, std::span<const std::byte> payload, std::span<std::byte> out,
                      std::vector<uint32_t>& offsets);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ckpt
