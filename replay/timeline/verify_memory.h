// Memory accuracy: the pages of a replay against the hashes taken while recording.
#pragma once

#include <string>

#include "ckpt/page_hash.h"
#include "record/supervisor/memory.h"

namespace ckpt {

struct MemoryVerdict {
  uint64_t compared_pages = 0;
  uint64_t differing_pages = 0;
  std::string report;  // the first of them by page, mapping and hash
};

// Compares every page of either side. The replaying process waits in a request.
Result<MemoryVerdict> verify_memory(TraceeMemory& memory, const PageHashes& recorded);

}  // namespace ckpt
