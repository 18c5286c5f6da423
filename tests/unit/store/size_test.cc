// What traces of typical programs cost on disk, asserted, and how fast they are written,
// printed.
#include <time.h>

#include <cstdio>
#include <cstdlib>

#include <zstd.h>

#include "tests/unit/store/random_events.h"
#include "tests/unit/store/trace_builder.h"

namespace ckpt {
namespace {

using test::EventBuilder;
using test::TempFolder;

double cpu_seconds() {
  timespec now;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// Writes the stream as a supervisor would, in pieces of the ring. Gives stored bytes per event.
double measure(const char* name, const EventBuilder& builder) {
  TempFolder folder;
  Result<Writer> writer = Writer::create(folder / "t", {});
  REQUIRE_OK(writer);
  const std::span<const std::byte> events = builder.events();
  double start = cpu_seconds();
  for (size_t at = 0; at < events.size();) {
    size_t end = at;
    while (end < events.size() && end - at < 1u << 20) end += EventView(events.data() + end).header().bytes;
    REQUIRE_OK(writer->append(events.subspan(at, end - at)));
    at = end;
  }
  REQUIRE_OK(writer->finish({}));
  const double write = cpu_seconds() - start;
  Result<Reader> reader = Reader::open(folder / "t");
  REQUIRE_OK(reader);
  start = cpu_seconds();
  uint64_t count = 0;
  for (Result<std::optional<ChunkView>> chunk = reader->next_chunk(); chunk->has_value(); chunk = reader->next_chunk())
    count += (*chunk)->count();
  const double read = cpu_seconds() - start;
  CHECK(count == builder.count());
  const double raw = static_cast<double>(events.size()),
               per_event = static_cast<double>(writer->stored_bytes()) / static_cast<double>(count);
  std::printf("%s: %.0f raw bytes and %.3f stored bytes an event; write %.0f MB/s (%.0f ns an event), read %.0f MB/s\n",
              name, raw / static_cast<double>(count), per_event, raw / write / 1e6,
              write * 1e9 / static_cast<double>(count), raw / read / 1e6);
  return per_event;
}

// What the contents of parts alone take when compressed, per event.
double payload_per_event(const EventBuilder& builder) {
  std::vector<std::byte> all;
  for (EventView event : EventRange(builder.events()))
    for (PartView part : event.parts()) all.insert(all.end(), part.bytes.begin(), part.bytes.end());
  std::vector<std::byte> packed(ZSTD_compressBound(all.size()));
  return static_cast<double>(ZSTD_compress(packed.data(), packed.size(), all.data(), all.size(), 1)) /
         static_cast<double>(builder.count());
}

TEST_CASE("size: a loop of cheap calls costs less than 2 bytes an event") {
  CHECK(measure("loop", test::syscall_loop(60'000)) < 2);
}

TEST_CASE("size: a server's stream costs less than 6 bytes an event besides its payload") {
  uint64_t payload = 0;
  const EventBuilder builder = test::server_loop(25'000, payload);
  CHECK(measure("server", builder) < 6 + payload_per_event(builder));
}

TEST_CASE("size: turns, locks and allocations of 8 threads cost less than 4 bytes an event") {
  EventBuilder builder;
  std::mt19937_64 random(4);
  for (uint32_t i = 0; i < 200'000; i++) {
    const uint32_t before = builder.task;
    builder.time_100us = i / 40;
    builder.kind = abi::EventKind::turn;
    builder.task = static_cast<uint32_t>(1 + random() % 8);
    builder.add(1, 0, {before, random() % 4});
    builder.kind = abi::EventKind::syscall;
    builder.add(202, 0, {0x7f5500001000 + 64 * (random() % 16), 129, 1, 0, 0, 0});
  }
  CHECK(measure("threads", builder) < 4);
}

TEST_CASE("size: large reads are not made larger") {
  EventBuilder builder;
  std::mt19937_64 random(4);
  std::vector<std::byte> block(65536);
  for (int i = 0; i < 500; i++) {
    for (size_t at = 0; at < block.size(); at += 8) {
      const uint64_t word = random();
      std::memcpy(block.data() + at, &word, 8);
    }
    builder.add(0, 65536, {3, 0x10000, 65536}, {{0x10000, block}});
  }
  CHECK(measure("incompressible reads of 64 KiB", builder) < 65536 + 100);
}

// The most memory the process has used since reset_peak(), in KiB; 0 if the kernel does not tell.
void reset_peak() {
  test::write_all("/proc/self/clear_refs", "5");
}
long peak_kib() {
  const std::string status = test::read_all("/proc/self/status");
  const size_t at = status.find("VmHWM:");
  return at == std::string::npos ? 0 : std::strtol(status.c_str() + at + 6, nullptr, 10);
}

TEST_CASE("size: the writer's memory stays bounded") {
  TempFolder folder;
  Result<Writer> writer = Writer::create(folder / "t", {});
  REQUIRE_OK(writer);
  const EventBuilder builder = test::random_events(20'000, 8);
  const std::vector<std::byte> block(kMaxEventBytes - 100, std::byte{1});
  EventBuilder large;
  large.add(0, 1, {1}, {{0x1000, block}});
  reset_peak();
  const long before = peak_kib();
  for (int i = 0; i < 20; i++) {
    REQUIRE_OK(writer->append(builder.events()));
    REQUIRE_OK(writer->append(large.events()));
  }
  std::printf("writer: %ld KiB of memory\n", peak_kib() - before);
#if !defined(__SANITIZE_ADDRESS__)
  CHECK(peak_kib() - before < 40 * 1024);
#endif
}

}  // namespace
}  // namespace ckpt
