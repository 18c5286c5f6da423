// Events of every shape the format allows, from a seed.
//
// Threads: functions without state.
#pragma once

#include <vector>

#include "tests/unit/store/event_builder.h"

namespace ckpt::test {

// Number `i` of a random stream: any kind, up to 255 arguments, up to 5 parts of 0 to 300 bytes,
// values that repeat often enough for forecasts to be right sometimes.
inline void add_random_event(EventBuilder& builder, std::mt19937_64& random) {
  if (random() % 8 == 0) {  // a clock
    const uint64_t now[2] = {1'722'000'000, random() % 1'000'000'000};
    builder.add(228, 0, {random() % 2, 0x7ffc2000}, {{0x7ffc2000, std::as_bytes(std::span(now))}});
    return;
  }
  const auto value = [&]() -> uint64_t {
    switch (random() % 4) {
      case 0:
        return random() % 3;
      case 1:
        return 0x7f0000000000 + random() % 4 * 4096;
      case 2:
        return random();
      default:
        return UINT64_MAX - random() % 3;
    }
  };
  std::vector<uint64_t> args(random() % 16 == 0 ? random() % 256 : random() % 7);
  for (uint64_t& arg : args) arg = value();
  std::vector<std::vector<std::byte>> contents(random() % 3 == 0 ? random() % 6 : random() % 2);
  std::vector<PartSpec> parts;
  for (std::vector<std::byte>& content : contents) {
    content.assign(random() % 2 ? 8 * (random() % 3) : random() % 300, static_cast<std::byte>(random() % 4));
    if (!content.empty() && random() % 2) content[random() % content.size()] = static_cast<std::byte>(random());
    parts.push_back({.address = value(),
                     .bytes = content,
                     .role = random() % 2 ? abi::PartRole::output : abi::PartRole::input,
                     .argument = static_cast<uint8_t>(random() % 8),
                     .cut = static_cast<uint16_t>(random() % 8 == 0)});
  }
  builder.kind = static_cast<abi::EventKind>(random() % 12);
  builder.task = static_cast<uint32_t>(random() % 8 == 0 ? random() : 1 + random() % 3);
  builder.time_100us = static_cast<uint32_t>(random() % 64 == 0 ? random() : builder.time_100us + random() % 2);
  const int64_t result =
      contents.empty() || random() % 2 ? static_cast<int64_t>(value()) : static_cast<int64_t>(contents[0].size());
  builder.add_spans(static_cast<uint16_t>(random() % 20), result, args, parts);
}

inline EventBuilder random_events(uint64_t count, uint64_t seed) {
  EventBuilder builder;
  std::mt19937_64 random(seed);
  for (uint64_t i = 0; i < count; i++) add_random_event(builder, random);
  return builder;
}

}  // namespace ckpt::test
