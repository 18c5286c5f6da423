#include "ckpt/page_hash.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include <xxhash.h>

#include "ckpt/manifest.h"
#include "trace/base/assert.h"
#include "trace/store/file_hash.h"

namespace ckpt {
namespace {

// Walks over the pages of one list in ascending order.
class Walk final {
 public:
  explicit Walk(const PageHashes& hashes) : hashes_(hashes) {}
  bool done() const { return run_ == hashes_.runs().size(); }
  uint64_t address() const { return done() ? UINT64_MAX : hashes_.runs()[run_].address + page_ * kPageBytes; }
  PageHash hash() const { return hashes_.hash(hashes_.runs()[run_].first + page_); }
  void next() {
    if (++page_ < hashes_.runs()[run_].pages) return;
    page_ = 0;
    run_++;
  }

 private:
  const PageHashes& hashes_;
  size_t run_ = 0;
  uint64_t page_ = 0;
};

std::string mapping_name(const PageHashes& expected, const PageHashes& actual, uint64_t address) {
  for (const PageHashes* hashes : {&expected, &actual}) {
    const Region* region = find_region(hashes->regions(), address);
    if (region && !region->name.empty()) return region->name;
  }
  return "[anonymous]";
}

// What of the regions replay must reproduce: which addresses are mapped, and how. Names and
// where the kernel merged neighbours are not part of it.
using Extent = std::tuple<uint64_t, uint64_t, uint32_t>;  // start, end, prot
std::vector<Extent> extents(const std::vector<Region>& regions) {
  std::vector<Extent> merged;
  for (const Region& region : regions) {
    if (!merged.empty() && std::get<1>(merged.back()) == region.start && std::get<2>(merged.back()) == region.prot)
      std::get<1>(merged.back()) = region.end;
    else
      merged.emplace_back(region.start, region.end, region.prot);
  }
  return merged;
}

void add_changes(const std::vector<Extent>& from, const std::vector<Extent>& other, const char* whose, size_t limit,
                 std::vector<std::string>& lines) {
  for (const Extent& extent : from) {
    if (std::binary_search(other.begin(), other.end(), extent)) continue;
    if (lines.size() == limit) return;
    const auto [start, end, prot] = extent;
    lines.push_back(text(whose, " ", std::hex, start, "-", end, " prot ", prot));
  }
}

}  // namespace

bool is_zero_page(std::span<const std::byte> page) {
  CKPT_ASSERT(page.size() == kPageBytes, page.size());
  for (size_t at = 0; at < kPageBytes; at += 256) {
    uint64_t any = 0;
    for (size_t i = 0; i < 256; i += 8) {
      uint64_t word;
      std::memcpy(&word, page.data() + at + i, 8);
      any |= word;
    }
    if (any != 0) return false;
  }
  return true;
}

PageHash hash_page(std::span<const std::byte> page) {
  if (is_zero_page(page)) return {};
  const XXH128_hash_t hash = XXH3_128bits(page.data(), page.size());
  return {hash.low64, hash.high64};
}

std::string to_string(PageHash hash) {
  return hash_name(hash.hi, hash.lo);
}

Result<void> PageHashes::add_region(const Region& region) {
  CKPT_CHECK(check_region(regions_, region));
  regions_.push_back(region);
  return {};
}

Result<void> PageHashes::add_pages(uint64_t address, std::span<const std::byte> pages) {
  CKPT_CHECK(check_pages(address, pages.size(), 0));
  for (size_t at = 0; at < pages.size(); at += kPageBytes)
    CKPT_CHECK(add_hash(address + at, hash_page(pages.subspan(at, kPageBytes))));
  return {};
}

Result<void> PageHashes::add_hash(uint64_t address, PageHash hash) {
  const uint64_t end = runs_.empty() ? 0 : runs_.back().address + runs_.back().pages * kPageBytes;
  CKPT_CHECK(check_pages(address, kPageBytes, end));
  if (hash.is_zero_page()) return {};
  if (runs_.empty() || end != address) runs_.push_back({.address = address, .first = hashes_.size(), .pages = 0});
  runs_.back().pages++;
  hashes_.push_back(hash);
  return {};
}

PageHash PageHashes::at(uint64_t address) const {
  const auto after = std::upper_bound(runs_.begin(), runs_.end(), address,
                                      [](uint64_t value, const HashRun& run) { return value < run.address; });
  if (after == runs_.begin()) return {};
  const HashRun& run = *std::prev(after);
  const uint64_t page = (address - run.address) / kPageBytes;
  return page < run.pages ? hashes_[run.first + page] : PageHash{};
}

HashComparison compare(const PageHashes& expected, const PageHashes& actual, size_t limit) {
  HashComparison found;
  Walk a(expected), b(actual);
  while (!a.done() || !b.done()) {
    const uint64_t address = std::min(a.address(), b.address());
    const PageHash of_a = a.address() == address ? a.hash() : PageHash{};
    const PageHash of_b = b.address() == address ? b.hash() : PageHash{};
    if (a.address() == address) a.next();
    if (b.address() == address) b.next();
    found.pages++;
    if (of_a == of_b) continue;
    found.different++;
    if (found.first.size() < limit)
      found.first.push_back({address, of_a, of_b, mapping_name(expected, actual, address)});
  }
  const std::vector<Extent> want = extents(expected.regions()), have = extents(actual.regions());
  add_changes(want, have, "expected only:", limit, found.region_changes);
  add_changes(have, want, "actual only:", limit, found.region_changes);
  return found;
}

}  // namespace ckpt
