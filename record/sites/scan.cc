#include "record/sites/scan.h"

#include <emmintrin.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

namespace ckpt::sites {

using Bytes = std::span<const uint8_t>;

Neighbourhood::Neighbourhood(const std::vector<RawSite>& sites) : bits_(kCells / 64) {
  auto mark = [this](uint64_t vaddr) { bits_[cell(vaddr) / 64] |= uint64_t{1} << (cell(vaddr) % 64); };
  for (const RawSite& site : sites) {
    mark(site.vaddr - kReachBytes);
    mark(site.vaddr);
    mark(site.vaddr + kReachBytes);
  }
}

// Which of 16 bytes equal `byte` once `mask` is applied to them.
static __m128i equal(__m128i bytes, int byte, int mask = 0xff) {
  __m128i masked = _mm_and_si128(bytes, _mm_set1_epi8(static_cast<char>(mask)));
  return _mm_cmpeq_epi8(masked, _mm_set1_epi8(static_cast<char>(byte)));
}

static __m128i either(__m128i a, __m128i b) {
  return _mm_or_si128(a, b);
}
static __m128i both(__m128i a, __m128i b) {
  return _mm_and_si128(a, b);
}

// Calls visit(offset) for each offset `probable` says of a byte and the one behind it,
// and for the last few offsets, which it is not asked about. visit returns false to stop.
template <class Probable, class Visit>
static bool each_probable(Bytes bytes, Probable probable, Visit visit) {
  size_t at = 0;
  for (; at + 17 <= bytes.size(); at += 16) {
    __m128i here, next;
    std::memcpy(&here, bytes.data() + at, sizeof here);
    std::memcpy(&next, bytes.data() + at + 1, sizeof next);
    auto found = static_cast<unsigned>(_mm_movemask_epi8(probable(here, next)));
    for (; found != 0; found &= found - 1)
      if (!visit(at + std::countr_zero(found))) return false;
  }
  for (; at < bytes.size(); at++)
    if (!visit(at)) return false;
  return true;
}

static std::optional<SiteKind> kind_at(Bytes bytes, size_t at) {
  if (bytes.size() - at < 2) return std::nullopt;
  uint8_t second = bytes[at + 1];
  if (bytes[at] == 0xf3 && second == 0x90) return SiteKind::pause;
  if (bytes[at] != 0x0f) return std::nullopt;
  if (second == 0x05) return SiteKind::syscall;
  if (second == 0x31) return SiteKind::rdtsc;
  if (second == 0xa2) return SiteKind::cpuid;
  if (bytes.size() - at < 3) return std::nullopt;
  uint8_t third = bytes[at + 2];
  if (second == 0x01 && third == 0xf9) return SiteKind::rdtscp;
  unsigned extension = third >> 3 & 7;
  bool memory = third < 0xc0;
  if (memory && ((second == 0xc7 && extension == 4) || (second == 0xae && (extension == 4 || extension == 6))))
    return SiteKind::xsave;
  if (second == 0xc7 && (third & 0xf8) == 0xf0) return SiteKind::rdrand;
  if (second == 0xc7 && (third & 0xf8) == 0xf8) return SiteKind::rdseed;
  return std::nullopt;
}

bool find_sites(const Segment& segment, size_t limit, std::vector<RawSite>& out) {
  auto probable = [](__m128i here, __m128i next) {
    __m128i second = either(either(equal(next, 0x05), equal(next, 0x31)), either(equal(next, 0x01), equal(next, 0xc7)));
    __m128i pause = both(equal(here, 0xf3), equal(next, 0x90));
    return either(pause, both(equal(here, 0x0f), either(second, either(equal(next, 0xae), equal(next, 0xa2)))));
  };
  return each_probable(segment.bytes, probable, [&](size_t at) {
    auto kind = kind_at(segment.bytes, at);
    if (!kind) return true;
    if (out.size() == limit) return false;
    bool prefixed = *kind == SiteKind::pause;  // the opcode is what counts as its place
    out.push_back({segment.vaddr + at + prefixed, *kind});
    return true;
  });
}

// Where the displacement of a rel32 branch or lea at `at` would be, or 0.
static size_t displacement_at(Bytes bytes, size_t at) {
  uint8_t first = bytes[at];
  if ((first & 0xfe) == 0xe8) return at + 1;
  if (bytes.size() - at < 2) return 0;
  uint8_t second = bytes[at + 1];
  bool wide = (first == 0x0f && (second & 0xf0) == 0x80) || (first == 0x8d && (second & 0xc7) == 0x05);
  return wide ? at + 2 : 0;
}

bool find_targets(const Segment& segment, const Neighbourhood& near, size_t limit, std::vector<uint64_t>& out) {
  auto probable = [](__m128i here, __m128i next) {
    __m128i conditional = both(equal(here, 0x0f), equal(next, 0x80, 0xf0));
    __m128i address = both(equal(here, 0x8d), equal(next, 0x05, 0xc7));
    return either(equal(here, 0xe8, 0xfe), either(conditional, address));
  };
  return each_probable(segment.bytes, probable, [&](size_t at) {
    size_t field = displacement_at(segment.bytes, at);
    if (field == 0 || segment.bytes.size() - field < 4 || field > segment.bytes.size()) return true;
    int32_t distance;
    std::memcpy(&distance, segment.bytes.data() + field, sizeof distance);
    uint64_t target = segment.vaddr + field + 4 + static_cast<uint64_t>(int64_t{distance});
    if (!near.contains(target)) return true;
    if (out.size() == limit) return false;
    out.push_back(target);
    return true;
  });
}

}  // namespace ckpt::sites
