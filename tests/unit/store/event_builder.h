// Builds events for tests, as the agent would write them, and the streams of typical programs.
//
// Threads: not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <random>
#include <span>
#include <string_view>
#include <vector>

#include "record/agent/abi.h"
#include "trace/store/event_view.h"

namespace ckpt::test {

struct PartSpec {
  uint64_t address = 0;
  std::span<const std::byte> bytes{};
  abi::PartRole role = abi::PartRole::output;
  uint8_t argument = 1;
  uint16_t cut = 0;
};

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

class EventBuilder final {
 public:
  uint32_t task = 1;
  uint32_t time_100us = 0;
  abi::EventKind kind = abi::EventKind::syscall;

  EventBuilder& add(uint16_t number, int64_t result, std::initializer_list<uint64_t> args,
                    std::initializer_list<PartSpec> parts = {}) {
    return add_spans(number, result, {args.begin(), args.size()}, {parts.begin(), parts.size()});
  }

  EventBuilder& add_spans(uint16_t number, int64_t result, std::span<const uint64_t> args,
                          std::span<const PartSpec> parts) {
    size_t bytes = sizeof(abi::EventHeader) + 8 * args.size();
    for (const PartSpec& part : parts) bytes += part_room(part.bytes.size());
    const abi::EventHeader header{.bytes = static_cast<uint32_t>(bytes),
                                  .kind = kind,
                                  .args = static_cast<uint8_t>(args.size()),
                                  .number = number,
                                  .task = task,
                                  .time_100us = time_100us,
                                  .result = result};
    put(&header, sizeof(header));
    put(args.data(), 8 * args.size());
    for (const PartSpec& part : parts) {
      const abi::Part head{.address = part.address,
                           .bytes = static_cast<uint32_t>(part.bytes.size()),
                           .role = part.role,
                           .argument = part.argument,
                           .cut = part.cut};
      put(&head, sizeof(head));
      put(part.bytes.data(), part.bytes.size());
      storage_.resize((storage_.size() + 7) & ~size_t{7});
    }
    count_++;
    return *this;
  }

  std::span<const std::byte> events() const { return storage_; }
  uint64_t count() const { return count_; }

 private:
  void put(const void* from, size_t bytes) {
    const auto* at = static_cast<const std::byte*>(from);
    storage_.insert(storage_.end(), at, at + bytes);
  }
  std::vector<std::byte> storage_;
  uint64_t count_ = 0;
};

// A loop of cheap calls, as micro-benchmarks and many programs make them: getppid, write to a
// pipe and read back, pread through a file, lseek, clock_gettime.
inline EventBuilder syscall_loop(uint64_t rounds, uint64_t seed = 1) {
  EventBuilder builder;
  std::mt19937_64 random(seed);
  uint64_t ns = 1'722'000'000'000'000'000;
  const std::string_view line = "a line that goes through a pipe";
  for (uint64_t i = 0; i < rounds; i++) {
    ns += 1400 + random() % 256;
    builder.time_100us = static_cast<uint32_t>((ns - 1'722'000'000'000'000'000) / 100'000);
    const uint64_t now[2] = {ns / 1'000'000'000, ns % 1'000'000'000};
    builder.add(110, 4711, {});
    builder.add(1, 31, {4, 0x55550010, 31}, {{0x55550010, bytes_of(line), abi::PartRole::input, 1}});
    builder.add(0, 31, {3, 0x7ffc1000, 64}, {{0x7ffc1000, bytes_of(line)}});
    builder.add(17, 32, {5, 0x55560000, 32, i * 32 % 65536},
                {{0x55560000, bytes_of("the same record again and again!")}});
    builder.add(8, static_cast<int64_t>(i * 32 % 65536), {5, i * 32 % 65536, 0});
    builder.add(228, 0, {1, 0x7ffc2000}, {{0x7ffc2000, std::as_bytes(std::span(now))}});
  }
  return builder;
}

// A key-value server with 50 clients: epoll_wait, then read and write for each ready client.
// `payload` gets the bytes that are the clients' and not ours to shrink.
inline EventBuilder server_loop(uint64_t rounds, uint64_t& payload, uint64_t seed = 1) {
  EventBuilder builder;
  std::mt19937_64 random(seed);
  uint64_t ns = 0;
  for (uint64_t i = 0; i < rounds; i++) {
    const uint64_t ready = 1 + random() % 12;
    std::vector<std::byte> polled(12 * ready);
    std::vector<uint32_t> fds;
    for (uint64_t k = 0; k < ready; k++) {
      fds.push_back(static_cast<uint32_t>(8 + random() % 50));
      const uint32_t entry[3] = {1, fds.back(), 0};
      std::memcpy(polled.data() + 12 * k, entry, 12);
    }
    ns += 3000;
    builder.time_100us = static_cast<uint32_t>(ns / 100'000);
    builder.add(232, static_cast<int64_t>(ready), {5, 0x7f0000a000, 10128, 100},
                {{0x7f0000a000, polled, abi::PartRole::output, 1}});
    payload += polled.size();
    for (uint32_t fd : fds) {
      ns += 4000;
      builder.time_100us = static_cast<uint32_t>(ns / 100'000);
      std::string request = "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000000\r\n";
      for (int digit = 0; digit < 6; digit++) request[33 - digit] = static_cast<char>('0' + random() % 10);
      const uint64_t buffer = 0x7f1000000000 + uint64_t{fd} * 20512;
      builder.add(0, static_cast<int64_t>(request.size()), {fd, buffer, 16384}, {{buffer, bytes_of(request)}});
      const std::string_view reply = random() % 3 ? "$3\r\nxxx\r\n" : "$-1\r\n";
      builder.add(1, static_cast<int64_t>(reply.size()), {fd, buffer + 0x5000, reply.size()},
                  {{buffer + 0x5000, bytes_of(reply), abi::PartRole::input, 1}});
      payload += request.size() + reply.size();
    }
  }
  return builder;
}

}  // namespace ckpt::test
