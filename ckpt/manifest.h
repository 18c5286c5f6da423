// Regions in Cap'n Proto messages, shared by images and hash lists.
//
// Threads: functions without state.
// Errors:  corrupt for regions that overlap, are not whole pages, or are out of order.
#pragma once

#include <string>
#include <vector>

#include "ckpt/region.h"
#include "schemas/image.capnp.h"
#include "trace/base/result.h"

namespace ckpt {

void put_regions(capnp::List<schema::Region>::Builder to, const std::vector<Region>& from);
Result<std::vector<Region>> get_regions(capnp::List<schema::Region>::Reader from, const std::string& path);

// Whether `next` may follow the regions before it: whole pages, ascending, not overlapping.
Result<void> check_region(const std::vector<Region>& before, const Region& next);

// The region that holds `address`, or a null pointer. `regions` are ascending.
const Region* find_region(const std::vector<Region>& regions, uint64_t address);

// Pages given to a writer: aligned, whole, and not before `least`.
Result<void> check_pages(uint64_t address, uint64_t bytes, uint64_t least);

}  // namespace ckpt
