#include "trace/store/columns.h"

#include <algorithm>

#include "trace/base/assert.h"
#include "trace/store/forecast.h"

namespace ckpt {
namespace {

// The shapes of one chunk, found by their words.
class ShapeTable final {
 public:
  void reset() {
    words_.clear();
    starts_.clear();
    std::memset(places_, 0, sizeof(places_));
  }
  size_t count() const { return starts_.size(); }

  // The number of the event's shape, kMaxShapes if it would be one too many.
  uint32_t find_or_add(EventView event) {
    const auto start = static_cast<uint32_t>(words_.size());
    const uint64_t hash = push_words(event);
    const size_t length = words_.size() - start;
    for (size_t place = hash >> (64 - 13);; place = (place + 1) % kPlaces) {
      if (places_[place] == 0) return add(start, place);
      const uint32_t shape = places_[place] - 1u;
      if (same(shape, start, length)) {
        words_.resize(start);
        return shape;
      }
    }
  }

  std::span<const uint32_t> words(size_t shape) const {
    const size_t end = shape + 1 < starts_.size() ? starts_[shape + 1] : words_.size();
    return {words_.data() + starts_[shape], end - starts_[shape]};
  }

 private:
  static constexpr size_t kPlaces = 1 << 13;
  static_assert(kPlaces >= 2 * format::kMaxShapes);
  static constexpr uint64_t kMix = 0x9E3779B97F4A7C15;

  uint64_t push_words(EventView event) {
    const abi::EventHeader& header = event.header();
    words_.push_back(static_cast<uint32_t>(header.kind) | uint32_t{header.args} << 8 | uint32_t{header.number} << 16);
    uint64_t hash = words_.back() * kMix;
    for (PartView part : event.parts()) {
      words_.push_back(static_cast<uint32_t>(part.part.role) | uint32_t{part.part.argument} << 8 |
                       uint32_t{part.part.cut} << 16);
      hash = (hash ^ (hash >> 29) ^ (words_.back() + 1)) * kMix;
    }
    return hash;
  }
  uint32_t add(uint32_t start, size_t place) {
    if (starts_.size() == format::kMaxShapes) {
      words_.resize(start);
      return format::kMaxShapes;
    }
    starts_.push_back(start);
    places_[place] = static_cast<uint16_t>(starts_.size());
    return static_cast<uint32_t>(starts_.size() - 1);
  }
  bool same(uint32_t shape, uint32_t start, size_t length) const {
    const size_t end = shape + 1 < starts_.size() ? starts_[shape + 1] : start;
    return end - starts_[shape] == length &&
           std::equal(words_.begin() + start, words_.end(), words_.begin() + starts_[shape]);
  }

  std::vector<uint32_t> words_;
  std::vector<uint32_t> starts_;
  uint16_t places_[kPlaces];
};

// Writes (events, zigzag step) for each run of equal values.
class RunWriter final {
 public:
  void reset(size_t events) {
    column_.reserve(events * 15);
    value_ = 0;
    written_ = 0;
    length_ = 0;
  }
  void add(uint32_t value) {
    if (value != value_ && length_ != 0) close();
    value_ = value;
    length_++;
  }
  std::span<const std::byte> finish() {
    if (length_ != 0) close();
    return column_.written();
  }

 private:
  void close() {
    column_.varint(length_);
    column_.varint(zigzag(uint64_t{value_} - written_));
    written_ = value_;
    length_ = 0;
  }
  ColumnWriter column_;
  uint32_t value_ = 0;
  uint32_t written_ = 0;
  uint64_t length_ = 0;
};

}  // namespace

void EventSummary::add(const abi::EventHeader& header) {
  count++;
  raw_bytes += header.bytes;
  min_time_100us = std::min(min_time_100us, header.time_100us);
  max_time_100us = std::max(max_time_100us, header.time_100us);
  min_task = std::min(min_task, header.task);
  max_task = std::max(max_task, header.task);
  task_mask |= uint64_t{1} << header.task % 64;
  kind_mask |= uint64_t{1} << static_cast<uint8_t>(header.kind) % 64;
  number_mask |= uint64_t{1} << header.number % 64;
}

struct ColumnEncoder::State {
  ShapeTable shapes;
  Forecast forecast;
  RunWriter tasks, times;
  ColumnWriter shape_of, changed, results, parts, addresses, lengths, words, bytes;
  ColumnWriter args[format::kArgStreams];
  Columns columns;

  void reset(size_t raw_bytes);
  uint8_t encode_args(EventView event, const std::byte* was, uint64_t was_arg0);
  void encode_parts(EventView event, const std::byte* was);
  uint8_t keep_bytes(uint32_t part_word, std::span<const std::byte> now, const std::byte* was, uint32_t was_bytes);
  bool put_words(std::span<const std::byte> now, const std::byte* was);
  void encode_event(EventView event, uint16_t shape, const std::byte* base);
  void publish(uint32_t count);
};

// Makes every column as long as its worst case for so many bytes of events.
void ColumnEncoder::State::reset(size_t raw_bytes) {
  const size_t events = raw_bytes / sizeof(abi::EventHeader) + 1;
  const size_t part_count = raw_bytes / sizeof(abi::Part) + 1;
  shapes.reset();
  forecast.reset();
  tasks.reset(events);
  times.reset(events);
  shape_of.reserve(events * 2);
  changed.reserve(events);
  results.reserve(events * 10);
  for (ColumnWriter& column : args) column.reserve(raw_bytes / 8 * 10);
  parts.reserve(part_count);
  addresses.reserve(part_count * 10);
  lengths.reserve(part_count * 10);
  words.reserve(raw_bytes / 8 * 10);
  bytes.reserve(raw_bytes);
}

uint8_t ColumnEncoder::State::encode_args(EventView event, const std::byte* was, uint64_t was_arg0) {
  const std::span<const uint64_t> now = event.args();
  uint8_t mask = 0;
  const auto put = [&](size_t i, uint64_t before) {
    if (now[i] == before) return;
    args[i].varint(zigzag(now[i] - before));
    mask |= static_cast<uint8_t>(2u << i);
  };
  if (now.empty()) return 0;
  put(0, was_arg0);
  const size_t own = std::min<size_t>(now.size(), format::kArgStreams - 1);
  for (size_t i = 1; i < own; i++) put(i, was ? EventView(was).args()[i] : 0);
  if (now.size() <= own) return mask;
  const std::span<const uint64_t> rest = now.subspan(own);
  if (was && std::equal(rest.begin(), rest.end(), EventView(was).args().begin() + own)) return mask;
  for (size_t i = own; i < now.size(); i++) args[own].varint(zigzag(now[i] - (was ? EventView(was).args()[i] : 0)));
  return mask | format::kChangedRest;
}

// All words as small steps from `was`, or nothing at all.
bool ColumnEncoder::State::put_words(std::span<const std::byte> now, const std::byte* was) {
  uint64_t steps[2] = {};
  const size_t count = now.size() / 8;
  for (size_t i = 0; i < count; i++) {
    uint64_t a, b;
    std::memcpy(&a, now.data() + 8 * i, 8);
    std::memcpy(&b, was + 8 * i, 8);
    steps[i] = zigzag(a - b);
    if (steps[i] >= kMaxWordStep) return false;
  }
  for (size_t i = 0; i < count; i++) words.varint(steps[i]);
  return true;
}

uint8_t ColumnEncoder::State::keep_bytes(uint32_t part_word, std::span<const std::byte> now, const std::byte* was,
                                         uint32_t was_bytes) {
  if (was && was_bytes == now.size()) {
    if (now.empty() || std::memcmp(now.data(), was, now.size()) == 0) return static_cast<uint8_t>(format::Kept::same);
    if (words_fit(part_word, static_cast<uint32_t>(now.size()), was_bytes) && put_words(now, was))
      return static_cast<uint8_t>(format::Kept::words);
  }
  bytes.copy(now);
  return static_cast<uint8_t>(format::Kept::raw);
}

void ColumnEncoder::State::encode_parts(EventView event, const std::byte* was) {
  if (event.parts().empty()) return;
  // The forecast event has the same shape, so as many parts.
  PartRange::Iterator before = was ? EventView(was).parts().begin() : PartRange::Iterator();
  for (PartView part : event.parts()) {
    PartView old{};
    if (was) old = *before++;
    const PartForecast expected = forecast_part(part.part.argument, event, was, old.part);
    const uint32_t word = static_cast<uint32_t>(part.part.role);
    uint8_t code = keep_bytes(word, part.bytes, was ? old.bytes.data() : nullptr, old.part.bytes);
    if (part.part.address != expected.address) {
      addresses.varint(zigzag(part.part.address - expected.address));
      code |= format::kPartAddress;
    }
    if (part.part.bytes != expected.bytes) {
      lengths.varint(zigzag(uint64_t{part.part.bytes} - expected.bytes));
      code |= format::kPartLength;
    }
    parts.byte(code);
  }
}

void ColumnEncoder::State::encode_event(EventView event, uint16_t shape, const std::byte* base) {
  const abi::EventHeader& header = event.header();
  const uint64_t arg0 = event.arg(0);
  const std::byte* last = forecast.last(shape, base);
  const std::byte* was = forecast.nearest(shape, arg0, base);
  tasks.add(header.task);
  times.add(header.time_100us);
  shape_of.byte(static_cast<uint8_t>(shape));
  shape_of.byte(static_cast<uint8_t>(shape >> 8));
  uint8_t mask = encode_args(event, was, last ? EventView(last).arg(0) : 0);
  const int64_t expected = was ? EventView(was).header().result : 0;
  if (header.result != expected) {
    results.varint(zigzag(static_cast<uint64_t>(header.result) - static_cast<uint64_t>(expected)));
    mask |= format::kChangedResult;
  }
  changed.byte(mask);
  encode_parts(event, was);
  forecast.remember(shape, arg0, static_cast<uint32_t>(event.bytes().data() - base));
}

void ColumnEncoder::State::publish(uint32_t count) {
  columns.shapes.clear();
  for (size_t i = 0; i < shapes.count(); i++) columns.shapes.push_back(shapes.words(i));
  if (shapes.count() <= 256)  // narrow to one byte each
    for (uint32_t i = 0; i < count; i++) shape_of.data()[i] = shape_of.data()[2 * i];
  columns.shape_of = shape_of.written().first(shapes.count() <= 256 ? count : size_t{2} * count);
  columns.changed = changed.written();
  columns.tasks = tasks.finish();
  columns.times = times.finish();
  columns.results = results.written();
  for (size_t i = 0; i < format::kArgStreams; i++) columns.args[i] = args[i].written();
  columns.parts = parts.written();
  columns.addresses = addresses.written();
  columns.lengths = lengths.written();
  columns.words = words.written();
  columns.bytes = bytes.written();
}

ColumnEncoder::ColumnEncoder() : state_(std::make_unique<State>()) {}
ColumnEncoder::~ColumnEncoder() = default;
ColumnEncoder::ColumnEncoder(ColumnEncoder&&) noexcept = default;
ColumnEncoder& ColumnEncoder::operator=(ColumnEncoder&&) noexcept = default;

const Columns& ColumnEncoder::columns() const {
  return state_->columns;
}

EventSummary ColumnEncoder::encode(std::span<const std::byte> events) {
  CKPT_ASSERT(events.size() <= format::kMaxChunkRawBytes, events.size());
  EventSummary summary;
  state_->reset(events.size());
  for (EventView event : EventRange(events)) {
    const uint32_t shape = state_->shapes.find_or_add(event);
    if (shape == format::kMaxShapes) break;
    summary.add(event.header());
    state_->encode_event(event, static_cast<uint16_t>(shape), events.data());
  }
  state_->publish(summary.count);
  return summary;
}

}  // namespace ckpt
