// One mapping of the program, as /proc/PID/maps tells it and as an image keeps it.
//
// Threads: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "trace/store/store.h"

namespace ckpt {

inline constexpr uint64_t kPageBytes = 4096;

enum class RegionKind : uint8_t {
  anonymous = 0,
  file = 1,  // backed by a file, `file` is its copy; pages not in the image come from there
  stack = 2,
  heap = 3,
  vdso = 4,
  shared_memory = 5,  // shared anonymous, memfd, System V: the same memory under (device, inode)
};

// Bits of Region::flags.
inline constexpr uint32_t kRegionShared = 1;  // MAP_SHARED; else private
inline constexpr uint32_t kRegionGrowsDown = 2;
inline constexpr uint32_t kRegionAnonymous = 4;  // no file behind it

struct Region {
  uint64_t start = 0;  // multiples of 4096; end is past the last byte
  uint64_t end = 0;
  uint32_t prot = 0;   // PROT_*
  uint32_t flags = 0;  // kRegion*
  RegionKind kind = RegionKind::anonymous;
  std::string name;          // as in maps: a path, "[heap]", or empty
  FileCopy file;             // hash empty if there is no copy
  uint64_t file_offset = 0;  // bytes
  uint64_t device = 0;       // identity of shared mappings: equal (device, inode) is the same memory
  uint64_t inode = 0;

  bool shared() const { return flags & kRegionShared; }
  bool has_copy() const { return !file.hash.empty(); }
  bool operator==(const Region& other) const;
};

}  // namespace ckpt
