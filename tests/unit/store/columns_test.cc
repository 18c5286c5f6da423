#include "trace/store/columns.h"

#include <algorithm>
#include <string>

#include <doctest/doctest.h>

#include "tests/unit/store/random_events.h"
#include "tests/unit/store/require_ok.h"

namespace ckpt {
namespace {

using test::bytes_of;
using test::EventBuilder;

// Encodes and decodes; gives how many streams' bytes it took.
size_t round_trip(std::span<const std::byte> events, uint64_t count) {
  ColumnEncoder encoder;
  const EventSummary summary = encoder.encode(events);
  REQUIRE(summary.count == count);
  REQUIRE(summary.raw_bytes == events.size());
  std::vector<std::byte> out(events.size());
  std::vector<uint32_t> offsets;
  REQUIRE_OK(decode_events(encoder.columns(), summary.count, out, offsets));
  CHECK(std::equal(out.begin(), out.end(), events.begin()));
  CHECK(offsets.size() == count);
  const Columns& columns = encoder.columns();
  size_t bytes = 0;
  for (auto column : columns.args) bytes += column.size();
  for (auto column : {columns.shape_of, columns.changed, columns.tasks, columns.times, columns.results, columns.parts,
                      columns.addresses, columns.lengths, columns.words, columns.bytes})
    bytes += column.size();
  return bytes;
}

TEST_CASE("columns: random events come back byte for byte") {
  for (uint64_t seed = 1; seed <= 40; seed++) {
    INFO("seed ", seed);
    const EventBuilder builder = test::random_events(500, seed);
    round_trip(builder.events(), builder.count());
  }
}

TEST_CASE("columns: a repeated call leaves a shape and an empty mask") {
  EventBuilder builder;
  for (int i = 0; i < 1000; i++) builder.add(0, 6, {3, 0x1000, 64}, {{0x1000, bytes_of("hello!")}});
  // Shape, mask and part code of each event, and the first event's values.
  CHECK(round_trip(builder.events(), 1000) < 3 * 1000 + 50);
}

TEST_CASE("columns: two descriptors in turn forecast each their own buffer") {
  EventBuilder builder;
  for (int i = 0; i < 500; i++)
    for (uint64_t fd : {3, 4}) builder.add(0, 100, {fd, 0x10000 * fd, 64}, {{0x10000 * fd, bytes_of("x")}});
  ColumnEncoder encoder;
  encoder.encode(builder.events());
  CHECK(encoder.columns().args[0].size() == 1000);  // the step from one to the other
  CHECK(encoder.columns().args[1].size() < 16);
  CHECK(encoder.columns().addresses.size() < 16);
}

TEST_CASE("columns: a clock's answer becomes one small step") {
  EventBuilder builder;
  for (uint64_t i = 0; i < 100; i++) {
    const uint64_t now[2] = {1'722'000'000, 1000 + 63 * i};
    builder.add(228, 0, {1, 0x2000}, {{0x2000, std::as_bytes(std::span(now))}});
  }
  ColumnEncoder encoder;
  encoder.encode(builder.events());
  CHECK(encoder.columns().bytes.size() == 16);
  CHECK(encoder.columns().words.size() == 2 * 99);
}

std::string hex(std::span<const std::byte> bytes) {
  std::string digits;
  for (std::byte byte : bytes) {
    digits += "0123456789abcdef"[static_cast<uint8_t>(byte) >> 4];
    digits += "0123456789abcdef"[static_cast<uint8_t>(byte) & 15];
  }
  return digits;
}

TEST_CASE("columns: the worked example of FORMAT.md is what the encoder gives") {
  EventBuilder builder;
  builder.time_100us = 7;
  builder.add(0, 6, {3, 0x1000, 64}, {{0x1000, bytes_of("hello\n")}});
  builder.add(0, 6, {3, 0x1000, 64}, {{0x1000, bytes_of("hello\n")}});
  builder.time_100us = 9;
  builder.add(0, 3, {3, 0x1000, 64}, {{0x1000, bytes_of("bye")}});
  ColumnEncoder encoder;
  encoder.encode(builder.events());
  const Columns& columns = encoder.columns();
  REQUIRE(columns.shapes.size() == 1);
  CHECK(columns.shapes[0][0] == 0x301);
  CHECK(columns.shapes[0][1] == 0x100);
  CHECK(hex(columns.shape_of) == "000000");
  CHECK(hex(columns.changed) == "0f0001");
  CHECK(hex(columns.tasks) == "0302");
  CHECK(hex(columns.times) == "020e0104");
  CHECK(hex(columns.results) == "0c05");
  CHECK(hex(columns.args[0]) == "06");
  CHECK(hex(columns.args[1]) == "8040");
  CHECK(hex(columns.args[2]) == "8001");
  CHECK(hex(columns.parts) == "000100");
  CHECK(hex(columns.bytes) == "68656c6c6f0a627965");
}

TEST_CASE("columns: an event of the greatest length and many parts comes back") {
  const std::vector<std::byte> big(kMaxEventBytes - 24 - 16, std::byte{3});
  EventBuilder builder;
  builder.add(0, 1, {}, {{0x1000, big}});
  CHECK(builder.events().size() == kMaxEventBytes);
  round_trip(builder.events(), 1);
  std::vector<test::PartSpec> parts(20000, {.address = 5, .bytes = bytes_of("abc")});
  EventBuilder many;
  many.add_spans(19, 7, {}, parts).add_spans(19, 7, {}, parts);
  round_trip(many.events(), 2);
}

TEST_CASE("columns: more shapes than fit are left for the next chunk") {
  EventBuilder builder;
  for (uint32_t i = 0; i < format::kMaxShapes + 10; i++) builder.add(static_cast<uint16_t>(i), 0, {});
  ColumnEncoder encoder;
  const EventSummary summary = encoder.encode(builder.events());
  CHECK(summary.count == format::kMaxShapes);
  CHECK(encoder.columns().shape_of.size() == 2 * format::kMaxShapes);
  std::vector<std::byte> out(summary.raw_bytes);
  std::vector<uint32_t> offsets;
  REQUIRE_OK(decode_events(encoder.columns(), summary.count, out, offsets));
  CHECK(std::equal(out.begin(), out.end(), builder.events().begin()));
}

// Decodes with column number `which` replaced.
Result<void> decode_with(const Columns& good, size_t which, std::span<const std::byte> column, uint32_t count,
                         size_t bytes) {
  Columns columns = good;
  std::span<const std::byte>* const all[] = {
      &columns.shape_of,  &columns.changed, &columns.tasks,   &columns.times,   &columns.results, &columns.parts,
      &columns.addresses, &columns.lengths, &columns.words,   &columns.bytes,   &columns.args[0], &columns.args[1],
      &columns.args[2],   &columns.args[3], &columns.args[4], &columns.args[5], &columns.args[6]};
  *all[which] = column;
  std::vector<std::byte> out(bytes);
  std::vector<uint32_t> offsets;
  return decode_events(columns, count, out, offsets);
}

TEST_CASE("columns: columns cut short or made longer are corrupt") {
  const EventBuilder builder = test::random_events(400, 9);
  ColumnEncoder encoder;
  const EventSummary summary = encoder.encode(builder.events());
  const Columns& good = encoder.columns();
  const std::span<const std::byte> all[] = {good.shape_of, good.changed,   good.tasks,   good.times,   good.results,
                                            good.parts,    good.addresses, good.lengths, good.words,   good.bytes,
                                            good.args[0],  good.args[1],   good.args[2], good.args[3], good.args[4],
                                            good.args[5],  good.args[6]};
  for (size_t which = 0; which < std::size(all); which++) {
    INFO("column ", which);
    REQUIRE(!all[which].empty());
    CHECK_FALSE(
        decode_with(good, which, all[which].first(all[which].size() - 1), summary.count, summary.raw_bytes).ok());
    std::vector<std::byte> longer(all[which].begin(), all[which].end());
    longer.push_back(std::byte{1});
    CHECK_FALSE(decode_with(good, which, longer, summary.count, summary.raw_bytes).ok());
  }
  std::vector<std::byte> out(summary.raw_bytes + 8);
  std::vector<uint32_t> offsets;
  CHECK_FALSE(decode_events(good, summary.count, out, offsets).ok());
  CHECK_FALSE(decode_events(good, summary.count - 1, std::span(out).first(summary.raw_bytes), offsets).ok());
  CHECK_FALSE(decode_events(good, summary.count, std::span(out).first(summary.raw_bytes - 8), offsets).ok());
}

TEST_CASE("columns: whatever bytes they hold, decoding ends with events or an error") {
  const EventBuilder builder = test::random_events(200, 11);
  ColumnEncoder encoder;
  const EventSummary summary = encoder.encode(builder.events());
  const Columns good = encoder.columns();
  std::mt19937_64 random(5);
  const std::span<const std::byte> all[] = {good.shape_of, good.changed,   good.tasks,   good.times, good.results,
                                            good.parts,    good.addresses, good.lengths, good.words, good.bytes};
  for (int round = 0; round < 3000; round++) {
    const size_t which = random() % std::size(all);
    std::vector<std::byte> bad(all[which].begin(), all[which].end());
    for (int flips = 0; flips < 3; flips++) bad[random() % bad.size()] = static_cast<std::byte>(random());
    (void)decode_with(good, which, bad, summary.count, summary.raw_bytes);
  }
}

}  // namespace
}  // namespace ckpt
