// Fast searches over raw bytes. Private to record_sites.
//
// Code cannot be told from data, nor one reading of it from another, by looking at bytes
// alone. So these searches look at EVERY offset, not at instructions: what they find is a
// superset of what any decoder could find, and what they do not find is not there. They
// look at 16 offsets at a time with SSE2, which every x86-64 has: sites are found at 6 GB/s,
// branch targets, which are common, at 0.9 GB/s.
#pragma once

#include <cstdint>
#include <vector>

#include "record/sites/desc.h"
#include "record/sites/module.h"

namespace ckpt::sites {

// Bytes that read as an intercepted instruction, its prefixes aside.
struct RawSite {
  uint64_t vaddr;
  SiteKind kind;
};

// No window reaches further than this from the opcode of its site.
inline constexpr uint64_t kReachBytes = 32;

// A set of addresses near sites. May hold others too, but never misses one. 128 KiB, so
// that it stays in the second-level cache while a scan asks it about each branch.
class Neighbourhood final {
 public:
  explicit Neighbourhood(const std::vector<RawSite>& sites);
  bool contains(uint64_t vaddr) const { return bits_[cell(vaddr) / 64] >> (cell(vaddr) % 64) & 1; }

 private:
  static constexpr uint64_t kCells = 1 << 20;  // exact up to 32 MiB of code, then cells are shared
  static uint64_t cell(uint64_t vaddr) { return vaddr / kReachBytes % kCells; }
  std::vector<uint64_t> bits_;
};

// Appends every raw site of `segment` in address order. Stops after `limit`, returning false.
bool find_sites(const Segment& segment, size_t limit, std::vector<RawSite>& out);

// Appends what E8, E9, 0F 80..8F with rel32 and lea with a rip-relative disp32 would reach
// at any offset of `segment`, if `near` has it. Stops after `limit`, returning false.
bool find_targets(const Segment& segment, const Neighbourhood& near, size_t limit, std::vector<uint64_t>& out);

}  // namespace ckpt::sites
