#include "trace/store/event_view.h"

namespace ckpt {
namespace {

// Padding after a part: up to 7 bytes, zeros.
bool padding_is_zero(const std::byte* part, uint32_t bytes) {
  if (bytes % 8 == 0) return true;
  uint64_t last;
  std::memcpy(&last, part + sizeof(abi::Part) + (bytes & ~7u), 8);
  return last >> (bytes % 8 * 8) == 0;
}

// What is wrong with the parts in these bytes, or a null pointer.
const char* wrong_with_parts(const std::byte* at, uint64_t room) {
  while (room > 0) {
    abi::Part part;
    if (room < sizeof(part)) return "bytes are left over after its parts";
    std::memcpy(&part, at, sizeof(part));
    if (part_room(part.bytes) > room) return "a part passes its end";
    if (part.role > abi::PartRole::input) return "a part has an unknown role";
    if (!padding_is_zero(at, part.bytes)) return "the padding after a part is not zero";
    at += part_room(part.bytes);
    room -= part_room(part.bytes);
  }
  return nullptr;
}

// What is wrong with the first event, or a null pointer and its length in `bytes`.
inline const char* wrong_with_event(std::span<const std::byte> events, uint32_t& bytes) {
  abi::EventHeader header;
  if (events.size() < sizeof(header)) return "there is no room for its header";
  std::memcpy(&header, events.data(), sizeof(header));
  if (header.bytes > events.size()) return "it passes the end";
  if (header.bytes > kMaxEventBytes) return "it is too long";
  if (header.bytes % 8 != 0) return "its length is no multiple of 8";
  const uint64_t fixed = sizeof(header) + uint64_t{8} * header.args;
  if (header.bytes < fixed) return "it is too short for its arguments";
  bytes = header.bytes;
  return header.bytes == fixed ? nullptr : wrong_with_parts(events.data() + fixed, header.bytes - fixed);
}

Error malformed(const char* why, std::span<const std::byte> events, uint64_t where) {
  uint32_t bytes = 0;
  if (events.size() >= sizeof(bytes)) std::memcpy(&bytes, events.data(), sizeof(bytes));
  return Error{
      .code = Code::corrupt, .message = text("event at byte ", where, ", length ", bytes, ": ", why), .where = where};
}

Result<void> check_alignment(std::span<const std::byte> events) {
  const uint64_t off = reinterpret_cast<uintptr_t>(events.data()) % 8;
  if (off == 0) return {};
  return Error{.code = Code::usage, .message = text("events are not aligned: address modulo 8 is ", off)};
}

}  // namespace

uint32_t whole_event(std::span<const std::byte> events) {
  uint32_t bytes = 0;
  return wrong_with_event(events, bytes) ? 0 : bytes;
}

Result<uint32_t> validate_event(std::span<const std::byte> events) {
  CKPT_CHECK(check_alignment(events));
  uint32_t bytes = 0;
  if (const char* wrong = wrong_with_event(events, bytes)) return malformed(wrong, events, 0);
  return bytes;
}

Result<uint64_t> validate_events(std::span<const std::byte> events) {
  CKPT_CHECK(check_alignment(events));
  uint64_t count = 0;
  for (size_t at = 0; at < events.size(); count++) {
    uint32_t bytes = 0;
    if (const char* wrong = wrong_with_event(events.subspan(at), bytes))
      return malformed(wrong, events.subspan(at), at);
    at += bytes;
  }
  return count;
}

}  // namespace ckpt
