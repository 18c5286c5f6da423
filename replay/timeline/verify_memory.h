// Memory accuracy: the pages of a replay against the hashes taken while recording.
#pragma once

#include <sys/types.h>

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
Result<MemoryVerdict> verify_memory(TraceeMemory& memory, pid_t pid, const PageHashes& recorded);

}  // namespace ckpt
