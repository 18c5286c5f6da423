// Frames: checksummed pieces of a file, the unit in which all files of a trace are written
// and read. A frame is a fixed header by kind (format.h), a payload and padding.
//
// Threads: functions without state.
// Errors:  reading gives corrupt with the byte offset of the frame, unsupported for a newer
//          frame, io. What ends before its frame does is told apart from what is damaged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "trace/base/result.h"
#include "trace/store/file_io.h"
#include "trace/store/format.h"

namespace ckpt {

// Completes the header at the start of `frame` (header, payload and zero padding, whole): fills
// in magic, version, lengths and both hashes.
void seal_frame(std::span<std::byte> frame, format::Magic magic, uint32_t header_bytes, uint64_t stored_bytes);

enum class FrameState : uint8_t {
  whole,  // header fine, and the file is long enough for the payload
  end,    // the file ends exactly here
  cut,    // the file ends within this frame
};

// Where a frame is in its file.
struct FramePlace {
  FrameState state = FrameState::end;
  uint64_t offset = 0;
  uint32_t header_bytes = 0;
  uint64_t stored_bytes = 0;
  uint64_t payload_hash = 0;

  uint64_t payload_offset() const { return offset + header_bytes; }
  uint64_t end() const { return offset + header_bytes + format::padded(stored_bytes); }
};

// Reads and checks a frame's header at `offset`, and copies its first header.size() bytes, the
// part this version knows, into `header`. The payload may have at most `max_stored` bytes.
Result<FramePlace> read_frame_header(int fd, uint64_t offset, format::Magic magic, std::span<std::byte> header,
                                     uint64_t max_stored, const std::string& path);

// Reads a whole frame's payload into `payload`, resized, and compares its hash.
Result<void> read_frame_payload(int fd, const FramePlace& place, std::vector<std::byte>& payload,
                                const std::string& path);

// Typed forms of the header functions.
template <class Header>
Result<FramePlace> read_frame_header(int fd, uint64_t offset, format::Magic magic, Header& header, uint64_t max_stored,
                                     const std::string& path) {
  return read_frame_header(fd, offset, magic, std::as_writable_bytes(std::span<Header, 1>(&header, 1)), max_stored,
                           path);
}

}  // namespace ckpt
