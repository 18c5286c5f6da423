// Zero-copy reading of events: the bytes of record/agent/abi.h, as the agent wrote them.
//
// Check a span once with validate_events; after that the views below need no further check.
// Iterating over bytes that were not validated is undefined.
//
// Owns:    nothing; a view lives as long as the bytes it was made from.
// Threads: values; any number may read the same bytes.
// Errors:  validate_events gives corrupt, with the byte offset of the event in Error::where.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <span>

#include "record/agent/abi.h"
#include "trace/base/result.h"

namespace ckpt {

// The longest event a trace can hold. The agent keeps far below it.
inline constexpr uint32_t kMaxEventBytes = 2u << 20;
static_assert(kMaxEventBytes >= 2 * abi::kMaxPartBytes);

// Bytes a part takes in an event: its header, its bytes, its padding.
constexpr uint64_t part_room(uint64_t bytes) {
  return sizeof(abi::Part) + ((bytes + 7) & ~uint64_t{7});
}

// One run of memory that the kernel wrote or the program passed.
struct PartView {
  abi::Part part;                    // by value: 16 bytes
  std::span<const std::byte> bytes;  // part.bytes of them
};

// The parts of one event, in order: `for (PartView part : event.parts())`.
class PartRange final {
 public:
  class Iterator final {
   public:
    using value_type = PartView;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    using pointer = const PartView*;
    using reference = PartView;
    Iterator() = default;
    explicit Iterator(const std::byte* at) : at_(at) {}
    PartView operator*() const {
      PartView view;
      std::memcpy(&view.part, at_, sizeof(view.part));
      view.bytes = {at_ + sizeof(abi::Part), view.part.bytes};
      return view;
    }
    Iterator& operator++() {
      abi::Part part;
      std::memcpy(&part, at_, sizeof(part));
      at_ += part_room(part.bytes);
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const std::byte* at_ = nullptr;
  };

  PartRange(const std::byte* from, const std::byte* to) : from_(from), to_(to) {}
  Iterator begin() const { return Iterator(from_); }
  Iterator end() const { return Iterator(to_); }
  bool empty() const { return from_ == to_; }

 private:
  const std::byte* from_;
  const std::byte* to_;
};

// One event. Cheap to copy.
class EventView final {
 public:
  EventView() = default;
  // `at`: a validated event, 8-byte aligned.
  explicit EventView(const std::byte* at) : at_(at) {}

  const abi::EventHeader& header() const { return *reinterpret_cast<const abi::EventHeader*>(at_); }
  std::span<const uint64_t> args() const {
    return {reinterpret_cast<const uint64_t*>(at_ + sizeof(abi::EventHeader)), header().args};
  }
  // Argument `i`, or 0 if the event has fewer.
  uint64_t arg(size_t i) const { return i < header().args ? args()[i] : 0; }
  PartRange parts() const { return {at_ + sizeof(abi::EventHeader) + size_t{8} * header().args, at_ + header().bytes}; }
  // All of it, as in the ring.
  std::span<const std::byte> bytes() const { return {at_, header().bytes}; }

 private:
  const std::byte* at_ = nullptr;
};

// The events of a validated span, in order: `for (EventView event : EventRange(span))`.
class EventRange final {
 public:
  class Iterator final {
   public:
    using value_type = EventView;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    using pointer = const EventView*;
    using reference = EventView;
    Iterator() = default;
    explicit Iterator(const std::byte* at) : at_(at) {}
    EventView operator*() const { return EventView(at_); }
    Iterator& operator++() {
      at_ += EventView(at_).header().bytes;
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const std::byte* at_ = nullptr;
  };

  explicit EventRange(std::span<const std::byte> events) : events_(events) {}
  Iterator begin() const { return Iterator(events_.data()); }
  Iterator end() const { return Iterator(events_.data() + events_.size()); }

 private:
  std::span<const std::byte> events_;
};

// Checks that `events` holds whole events and nothing else: aligned to 8; each event's bytes
// a multiple of 8, within kMaxEventBytes and the span, covering its arguments; parts filling
// it exactly, with a known role and zero padding. Gives the number of events.
Result<uint64_t> validate_events(std::span<const std::byte> events);

// The same for the one event at the start of `events`, which may hold more after it.
// Gives that event's bytes.
Result<uint32_t> validate_event(std::span<const std::byte> events);

// The same where it must be fast: 0 if the event is malformed. `events` is aligned.
uint32_t whole_event(std::span<const std::byte> events);

}  // namespace ckpt
