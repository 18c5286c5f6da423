// What planning knows of a whole module, found once. Private to record_sites.
//
// Holding every branch target of a 20 MB text would take more memory than the supervisor
// has. But a window is never far from bytes that read as an intercepted instruction, and
// those are few: 568 in libc, 164 in mariadbd. So: find them, mark their neighbourhood,
// and keep only the targets that fall into it.
//
// Threads: any number may ask at once; each answer is found by the first who asks.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "record/sites/elf.h"
#include "record/sites/scan.h"

namespace ckpt::sites {

class SiteIndex final {
 public:
  // `elf` outlives the index.
  explicit SiteIndex(const ElfFile& elf) : elf_(elf) {}

  // Every place whose bytes read as a site, in address order.
  const std::vector<RawSite>& sites() const;

  // Addresses near a site that may be entered from elsewhere: targets of anything that
  // reads as a rel32 branch or an address calculation, symbols, pointers in relocations.
  // Sorted. The first one in [from, to), if any.
  std::optional<uint64_t> entry_in(uint64_t from, uint64_t to) const;

  // False if there was more than we keep: nothing is proven then.
  bool sites_complete() const;
  bool entries_complete() const;

 private:
  void find_entries() const;

  const ElfFile& elf_;
  mutable std::once_flag sites_once_, entries_once_;
  mutable bool sites_complete_ = true, entries_complete_ = true;
  mutable std::vector<RawSite> sites_;
  mutable std::vector<uint64_t> entries_;
};

}  // namespace ckpt::sites
