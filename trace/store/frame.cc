#include "trace/store/frame.h"

#include <algorithm>
#include <cstring>

#include <xxhash.h>

#include "trace/base/assert.h"

namespace ckpt {
namespace {

Error bad(const std::string& path, uint64_t offset, const std::string& why) {
  return Error{.code = Code::corrupt, .message = text(path, ": frame at byte ", offset, ": ", why), .where = offset};
}

uint64_t header_hash(std::span<const std::byte> header) {
  std::byte copy[format::kMaxHeaderBytes];
  std::memcpy(copy, header.data(), header.size());
  std::memset(copy + offsetof(format::Frame, header_hash), 0, 8);
  return XXH3_64bits(copy, header.size());
}

// Checks that do not need the bytes behind the common header.
Result<void> check_common(const format::Frame& frame, format::Magic magic, size_t least_header, uint64_t max_stored,
                          const std::string& path, uint64_t offset) {
  if (frame.magic != magic) return bad(path, offset, "wrong magic");
  if (frame.header_bytes < least_header || frame.header_bytes > format::kMaxHeaderBytes || frame.header_bytes % 8 != 0)
    return bad(path, offset, text("header of ", frame.header_bytes, " bytes"));
  if (frame.stored_bytes > max_stored)
    return bad(path, offset, text("length ", frame.stored_bytes, " passes the limit ", max_stored));
  return {};
}

}  // namespace

void seal_frame(std::span<std::byte> bytes, format::Magic magic, uint32_t header_bytes, uint64_t stored_bytes) {
  CKPT_ASSERT(bytes.size() == header_bytes + format::padded(stored_bytes), bytes.size(), " ", stored_bytes);
  format::Frame frame{.magic = magic,
                      .version = format::kVersion,
                      .flags = 0,
                      .header_bytes = header_bytes,
                      .reserved = 0,
                      .stored_bytes = stored_bytes,
                      .payload_hash = XXH3_64bits(bytes.data() + header_bytes, stored_bytes),
                      .header_hash = 0};
  std::memcpy(bytes.data(), &frame, sizeof(frame));
  frame.header_hash = header_hash(bytes.first(header_bytes));
  std::memcpy(bytes.data(), &frame, sizeof(frame));
}

Result<FramePlace> read_frame_header(int fd, uint64_t offset, format::Magic magic, std::span<std::byte> header,
                                     uint64_t max_stored, const std::string& path) {
  FramePlace place{.offset = offset};
  std::byte bytes[format::kMaxHeaderBytes];
  // Almost always the header is one this version knows: one read.
  CKPT_TRY(size_t got, read_at(fd, offset, {bytes, header.size()}, path));
  if (got == 0) return place;
  place.state = FrameState::cut;
  format::Frame frame;
  if (got < sizeof(frame)) return place;
  std::memcpy(&frame, bytes, sizeof(frame));
  CKPT_CHECK(check_common(frame, magic, header.size(), max_stored, path, offset));
  if (frame.header_bytes > got) {
    CKPT_TRY(const size_t more, read_at(fd, offset + got, {bytes + got, frame.header_bytes - got}, path));
    got += more;
    if (got < frame.header_bytes) return place;
  }
  if (header_hash({bytes, frame.header_bytes}) != frame.header_hash)
    return bad(path, offset, "header checksum differs");
  if (frame.flags != 0)
    return Error{.code = Code::unsupported,
                 .message = text(path, ": frame at byte ", offset, " of format ", frame.version, " has flags ",
                                 frame.flags, "; this ckpt reads format ", format::kVersion),
                 .where = offset};
  std::memcpy(header.data(), bytes, header.size());
  place.header_bytes = frame.header_bytes;
  place.stored_bytes = frame.stored_bytes;
  place.payload_hash = frame.payload_hash;
  CKPT_TRY(const uint64_t size, regular_file_bytes(fd, path));
  if (place.end() <= size) place.state = FrameState::whole;
  return place;
}

Result<void> read_frame_payload(int fd, const FramePlace& place, std::vector<std::byte>& payload,
                                const std::string& path) {
  // The length was compared with the caller's limit and with the file's size.
  payload.resize(place.stored_bytes);
  CKPT_TRY(const size_t got, read_at(fd, place.payload_offset(), payload, path));
  if (got != payload.size()) return bad(path, place.offset, "the file became shorter");
  if (XXH3_64bits(payload.data(), payload.size()) != place.payload_hash)
    return bad(path, place.offset, "payload checksum differs");
  std::byte padding[8] = {};
  const size_t pad = format::padded(place.stored_bytes) - place.stored_bytes;
  CKPT_TRY(const size_t pad_got, read_at(fd, place.payload_offset() + place.stored_bytes, {padding, pad}, path));
  if (pad_got != pad || std::any_of(padding, padding + pad, [](std::byte b) { return b != std::byte{0}; }))
    return bad(path, place.offset, "padding is not zero");
  return {};
}

}  // namespace ckpt
