#include "trace/store/event_view.h"

namespace ckpt {
namespace {

Error bad(const char* why, uint64_t value, uint64_t where) {
  return Error{.code = Code::corrupt, .message = text("event at byte ", where, ": ", why, " ", value), .where = where};
}

// Padding after a part: up to 7 bytes, zeros.
bool padding_is_zero(const std::byte* part, uint32_t bytes) {
  if (bytes % 8 == 0) return true;
  uint64_t last;
  std::memcpy(&last, part + sizeof(abi::Part) + (bytes & ~7u), 8);
  return last >> (bytes % 8 * 8) == 0;
}

Result<void> validate_parts(const std::byte* at, uint64_t room, uint64_t where) {
  while (room > 0) {
    abi::Part part;
    if (room < sizeof(part)) return bad("bytes left over:", room, where);
    std::memcpy(&part, at, sizeof(part));
    if (part_room(part.bytes) > room) return bad("a part passes its end, bytes", part.bytes, where);
    if (part.role > abi::PartRole::input) return bad("a part of unknown role", static_cast<uint8_t>(part.role), where);
    if (!padding_is_zero(at, part.bytes)) return bad("padding is not zero after a part of bytes", part.bytes, where);
    at += part_room(part.bytes);
    room -= part_room(part.bytes);
  }
  return {};
}

Result<uint32_t> validate_at(std::span<const std::byte> events, uint64_t where) {
  abi::EventHeader header;
  if (events.size() < sizeof(header)) return bad("no room for a header, bytes left", events.size(), where);
  std::memcpy(&header, events.data(), sizeof(header));
  if (header.bytes > events.size()) return bad("it passes the end, bytes", header.bytes, where);
  if (header.bytes > kMaxEventBytes) return bad("too long, bytes", header.bytes, where);
  if (header.bytes % 8 != 0) return bad("no multiple of 8, bytes", header.bytes, where);
  const uint64_t fixed = sizeof(header) + uint64_t{8} * header.args;
  if (header.bytes < fixed) return bad("too short for its arguments, bytes", header.bytes, where);
  if (header.bytes > fixed) CKPT_CHECK(validate_parts(events.data() + fixed, header.bytes - fixed, where));
  return header.bytes;
}

Result<void> validate_alignment(std::span<const std::byte> events) {
  const uint64_t off = reinterpret_cast<uintptr_t>(events.data()) % 8;
  if (off != 0) return Error{.code = Code::usage, .message = text("events are not aligned: address modulo 8 is ", off)};
  return {};
}

}  // namespace

Result<uint32_t> validate_event(std::span<const std::byte> events) {
  CKPT_CHECK(validate_alignment(events));
  return validate_at(events, 0);
}

Result<uint64_t> validate_events(std::span<const std::byte> events) {
  CKPT_CHECK(validate_alignment(events));
  uint64_t count = 0;
  for (uint64_t at = 0; at < events.size(); count++) {
    CKPT_TRY(const uint32_t bytes, validate_at(events.subspan(at), at));
    at += bytes;
  }
  return count;
}

}  // namespace ckpt
