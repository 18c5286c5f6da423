// Hashes of memory pages, and the list of them that a trace keeps to check a replay with.
//
// `hashes-N` holds, for one moment, the regions of the program and the hash of every page that
// is not zero. N is 0 for checkpoint 0, and kFinalHashes for the end of the program.
//
// Owns:    FinalHashWriter its file; PageHashes its memory: 16 bytes a page.
// Threads: not thread-safe.
// Errors:  io; corrupt; usage if pages do not come in ascending order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ckpt/region.h"
#include "trace/base/result.h"

namespace ckpt {

// XXH3-128 of a page's 4096 bytes. A page of zeros is {0, 0} by definition.
struct PageHash {
  uint64_t lo = 0;
  uint64_t hi = 0;
  bool is_zero_page() const { return lo == 0 && hi == 0; }
  bool operator==(const PageHash&) const = default;
};
static_assert(sizeof(PageHash) == 16);

// Hash of one page; `page` must be kPageBytes long.
PageHash hash_page(std::span<const std::byte> page);
bool is_zero_page(std::span<const std::byte> page);

// 32 hex digits.
std::string to_string(PageHash hash);

// The N of the hashes taken at the program's end.
inline constexpr uint32_t kFinalHashes = 1;

// Pages in a row.
struct HashRun {
  uint64_t address = 0;
  uint64_t first = 0;  // index of its first hash
  uint64_t pages = 0;
};

// All page hashes of one moment, in memory. Fill it with add_*, or with read_page_hashes().
class PageHashes final {
 public:
  Result<void> add_region(const Region& region);
  // Whole pages, ascending, not overlapping; zero pages are skipped.
  Result<void> add_pages(uint64_t address, std::span<const std::byte> pages);
  // The same with a hash already known.
  Result<void> add_hash(uint64_t address, PageHash hash);

  const std::vector<Region>& regions() const { return regions_; }
  const std::vector<HashRun>& runs() const { return runs_; }
  uint64_t pages() const { return hashes_.size(); }
  // Of the page at `address` (a multiple of 4096); {0, 0} for a zero page and outside of all regions.
  PageHash at(uint64_t address) const;
  // Hash `index` of the runs; index < pages().
  PageHash hash(uint64_t index) const { return hashes_[index]; }

 private:
  std::vector<Region> regions_;
  std::vector<HashRun> runs_;
  std::vector<PageHash> hashes_;
};

// Streams the same to `folder`/hashes-`number`, with bounded memory.
class FinalHashWriter final {
 public:
  static Result<FinalHashWriter> create(const std::string& folder, uint32_t number);
  FinalHashWriter(FinalHashWriter&&) noexcept;
  FinalHashWriter& operator=(FinalHashWriter&&) noexcept;
  ~FinalHashWriter();
  Result<void> add_region(const Region& region);
  Result<void> add_pages(uint64_t address, std::span<const std::byte> pages);
  Result<void> finish();  // without it the file does not come to be
  uint64_t pages() const;

 private:
  struct State;
  explicit FinalHashWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Reads `folder`/hashes-`number`. not_found if there is none.
Result<PageHashes> read_page_hashes(const std::string& folder, uint32_t number);

// One page that differs. A hash of {0, 0} is a zero page.
struct PageDifference {
  uint64_t address = 0;
  PageHash expected;
  PageHash actual;
  std::string mapping;  // its region's name, or "[anonymous]", from `expected` if it has one there
};

struct HashComparison {
  uint64_t pages = 0;                       // pages that are not zero in at least one of the two
  uint64_t different = 0;                   // all that differ, also those beyond the limit
  std::vector<PageDifference> first;        // the lowest `limit` of them, ascending
  std::vector<std::string> region_changes;  // at most `limit` lines: regions only one of the two has
  bool equal() const { return different == 0 && region_changes.empty(); }
};
HashComparison compare(const PageHashes& expected, const PageHashes& actual, size_t limit);

}  // namespace ckpt
