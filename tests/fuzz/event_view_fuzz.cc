// Any bytes as events: validation ends, and what it lets through survives columns unchanged.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "trace/store/columns.h"
#include "trace/store/event_view.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

// Walks over all a view shows.
uint64_t walk(std::span<const std::byte> events) {
  uint64_t sum = 0;
  for (ckpt::EventView event : ckpt::EventRange(events)) {
    for (uint64_t arg : event.args()) sum += arg;
    for (ckpt::PartView part : event.parts())
      for (std::byte byte : part.bytes) sum += static_cast<uint64_t>(byte);
  }
  return sum;
}

void round_trip(std::span<const std::byte> events) {
  static ckpt::ColumnEncoder encoder;
  const ckpt::EventSummary summary = encoder.encode(events);
  std::vector<std::byte> out(summary.raw_bytes);
  std::vector<uint32_t> offsets;
  require(ckpt::decode_events(encoder.columns(), summary.count, out, offsets).ok());
  require(std::equal(out.begin(), out.end(), events.begin()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<uint64_t> words((size + 7) / 8);
  if (size != 0) std::memcpy(words.data(), data, size);
  const auto events = std::as_bytes(std::span(words)).first(size);
  require((ckpt::whole_event(events) != 0) == ckpt::validate_event(events).ok());
  if (!ckpt::validate_events(events)) return 0;
  volatile uint64_t sum = walk(events);
  (void)sum;
  if (!events.empty() && events.size() <= ckpt::format::kMaxChunkRawBytes) round_trip(events);
  return 0;
}
