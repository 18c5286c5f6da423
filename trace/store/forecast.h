// What encoder and decoder of columns expect of the next event, and varints. Both sides must
// compute the same, so they share this file.
//
// Threads: not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include "record/agent/abi.h"
#include "trace/store/event_view.h"
#include "trace/store/format.h"

namespace ckpt {

inline uint64_t zigzag(uint64_t difference) {
  return difference << 1 ^ static_cast<uint64_t>(static_cast<int64_t>(difference) >> 63);
}
inline uint64_t unzigzag(uint64_t value) {
  return value >> 1 ^ -(value & 1);
}

// Appends to memory that has been made large enough before: no checks.
class ColumnWriter final {
 public:
  void reserve(size_t bytes) {
    if (bytes > room_) {
      memory_ = std::make_unique_for_overwrite<std::byte[]>(bytes);
      room_ = bytes;
    }
    at_ = memory_.get();
  }
  void byte(uint8_t value) { *at_++ = std::byte{value}; }
  // LEB128: at most 10 bytes.
  void varint(uint64_t value) {
    while (value >= 0x80) {
      *at_++ = static_cast<std::byte>(value | 0x80);
      value >>= 7;
    }
    *at_++ = static_cast<std::byte>(value);
  }
  void copy(std::span<const std::byte> bytes) {
    if (!bytes.empty()) std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }
  void drop() { at_ = memory_.get(); }
  std::span<const std::byte> written() const { return {memory_.get(), static_cast<size_t>(at_ - memory_.get())}; }
  std::byte* data() { return memory_.get(); }

 private:
  std::unique_ptr<std::byte[]> memory_;
  size_t room_ = 0;
  std::byte* at_ = nullptr;
};

// Reads untrusted columns. After running out every read gives 0 and bad() is true.
class ColumnReader final {
 public:
  explicit ColumnReader(std::span<const std::byte> column) : at_(column.data()), end_(at_ + column.size()) {}
  uint8_t byte() {
    if (at_ == end_) return fail();
    return static_cast<uint8_t>(*at_++);
  }
  uint64_t varint() {
    if (at_ != end_ && static_cast<uint8_t>(*at_) < 0x80) return static_cast<uint8_t>(*at_++);
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      if (at_ == end_) return fail();
      const auto byte = static_cast<uint64_t>(*at_++);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return fail();
  }
  std::span<const std::byte> take(size_t bytes) {
    if (static_cast<size_t>(end_ - at_) < bytes) {
      fail();
      return {};
    }
    at_ += bytes;
    return {at_ - bytes, bytes};
  }
  bool bad() const { return bad_; }
  bool at_end() const { return at_ == end_; }

 private:
  uint8_t fail() {
    bad_ = true;
    at_ = end_;
    return 0;
  }
  const std::byte* at_;
  const std::byte* end_;
  bool bad_ = false;
};

// Remembers, for one chunk, the last event of each shape and of each (shape, argument 0).
// Events are named by their offset in the chunk.
class Forecast final {
 public:
  void reset() {
    std::memset(last_, 0, sizeof(last_));
    std::memset(slots_, 0, sizeof(slots_));
  }

  // The last event of `shape`, or a null pointer.
  const std::byte* last(uint16_t shape, const std::byte* events) const {
    return last_[shape] == 0 ? nullptr : events + (last_[shape] - 1);
  }
  // The last of `shape` with this first argument, as far as remembered; else last().
  const std::byte* nearest(uint16_t shape, uint64_t arg0, const std::byte* events) const {
    const Slot& slot = slots_[place(shape, arg0)];
    if (slot.event != 0 && slot.shape == shape) return events + (slot.event - 1);
    return last(shape, events);
  }
  void remember(uint16_t shape, uint64_t arg0, uint32_t offset) {
    last_[shape] = offset + 1;
    slots_[place(shape, arg0)] = {offset + 1, shape};
  }

 private:
  struct Slot {
    uint32_t event;  // offset + 1
    uint32_t shape;
  };
  static size_t place(uint16_t shape, uint64_t arg0) {
    return (arg0 * 0x9E3779B97F4A7C15 + shape * 0xC2B2AE3D27D4EB4F) >> (64 - 11);
  }
  static_assert(format::kForecastSlots == 1 << 11);
  uint32_t last_[format::kMaxShapes] = {};
  Slot slots_[format::kForecastSlots] = {};
};

// What a part is expected to be, given its event and the part in the same place of the forecast
// event. `was` is null if there is none.
struct PartForecast {
  uint64_t address;
  uint32_t bytes;
};
inline PartForecast forecast_part(uint8_t argument, EventView event, const std::byte* was_event, const abi::Part& was) {
  const uint64_t base = event.arg(argument);
  const auto result = static_cast<uint32_t>(event.header().result);
  if (was_event == nullptr) return {base, result};
  const EventView before(was_event);
  // A length that was the call's result will be it again: read, recv, getdents.
  const bool is_result = was.bytes == static_cast<uint32_t>(before.header().result);
  return {base + (was.address - before.arg(argument)), is_result ? result : was.bytes};
}

// Whether a part of these properties may be kept as words: a time, a count, an offset.
inline bool words_fit(uint32_t part_word, uint32_t bytes, uint32_t was_bytes) {
  const auto role = static_cast<abi::PartRole>(part_word & 0xff);
  return role == abi::PartRole::output && (bytes == 8 || bytes == 16) && was_bytes == bytes;
}
inline constexpr uint64_t kMaxWordStep = 1ull << 42;

}  // namespace ckpt
