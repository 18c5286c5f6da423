#include "record/sites/site_index.h"

#include <algorithm>

namespace ckpt::sites {

// Ordinary code has about 20 a MiB, most of them by chance; libc has 430.
static constexpr size_t kMaxSites = 1 << 17;
static constexpr size_t kMaxEntries = 1 << 20;

const std::vector<RawSite>& SiteIndex::sites() const {
  std::call_once(sites_once_, [this] {
    for (const Segment& segment : elf_.executable())
      sites_complete_ = sites_complete_ && find_sites(segment, kMaxSites, sites_);
  });
  return sites_;
}

bool SiteIndex::sites_complete() const {
  sites();
  return sites_complete_;
}

void SiteIndex::find_entries() const {
  Neighbourhood near(sites());
  for (const Segment& segment : elf_.executable())
    entries_complete_ = entries_complete_ && find_targets(segment, near, kMaxEntries, entries_);
  auto add = [&](uint64_t vaddr) {
    if (!near.contains(vaddr)) return;
    entries_complete_ = entries_complete_ && entries_.size() < kMaxEntries;
    if (entries_complete_) entries_.push_back(vaddr);
  };
  elf_.each_symbol([&add](const Elf64_Sym& symbol) { add(symbol.st_value); });
  elf_.each_relative_pointer(add);
  std::ranges::sort(entries_);
  entries_.erase(std::unique(entries_.begin(), entries_.end()), entries_.end());
}

std::optional<uint64_t> SiteIndex::entry_in(uint64_t from, uint64_t to) const {
  std::call_once(entries_once_, [this] { find_entries(); });
  auto at = std::ranges::lower_bound(entries_, from);
  return at != entries_.end() && *at < to ? std::optional(*at) : std::nullopt;
}

bool SiteIndex::entries_complete() const {
  entry_in(0, 0);
  return sites_complete() && entries_complete_;
}

}  // namespace ckpt::sites
