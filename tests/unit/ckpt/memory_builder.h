// Memory for image tests: a small program's regions with pages that tell where they are.
//
// Threads: not thread-safe.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "ckpt/image.h"

namespace ckpt::test {

inline Region anonymous(uint64_t start, uint64_t pages, std::string name = "") {
  Region region;
  region.start = start;
  region.end = start + pages * kPageBytes;
  region.prot = PROT_READ | PROT_WRITE;
  region.flags = kRegionAnonymous;
  region.name = std::move(name);
  return region;
}

// `count` pages; every `zero_every`-th is zero (0: none), the others differ from each other.
inline std::vector<std::byte> pages_of(uint64_t count, uint64_t seed, uint64_t zero_every = 0) {
  std::vector<std::byte> bytes(count * kPageBytes);
  std::mt19937_64 random(seed);
  for (uint64_t page = 0; page < count; page++) {
    if (zero_every != 0 && page % zero_every == 0) continue;
    for (uint64_t at = 0; at < kPageBytes; at += 64) {
      const uint64_t word = random();
      std::memcpy(bytes.data() + page * kPageBytes + at, &word, 8);
    }
  }
  return bytes;
}

inline TaskContext task_context(uint32_t task) {
  TaskContext context;
  context.task = task;
  context.tid = static_cast<int32_t>(1000 + task);
  for (uint64_t i = 0; i < reg::kCount; i++) context.registers[i] = 0x1000 * task + i;
  context.fs_base = 0x7f0000000740;
  context.signal_mask = 1ull << 16;
  context.xsave.assign(2696, std::byte{0x5a});
  context.agent_state.assign(100, static_cast<std::byte>(task));
  return context;
}

}  // namespace ckpt::test
