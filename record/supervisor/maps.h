// The tracee's mappings, from /proc/PID/maps and pagemap. Both need no more than the right to
// read a process of the same user; ptrace is not involved.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "trace/base/result.h"

namespace ckpt {

struct Mapping {
  uint64_t start = 0, end = 0;
  uint32_t prot = 0;      // PROT_*
  bool shared = false;
  uint64_t offset = 0;
  uint64_t device = 0;    // as st_dev
  uint64_t inode = 0;
  std::string name;       // as the kernel prints it

  bool is_file() const { return inode != 0; }
  uint64_t bytes() const { return end - start; }
};

Result<std::vector<Mapping>> read_mappings(pid_t pid);

struct PageRange {
  uint64_t address = 0, pages = 0;
};

enum class Pages : uint8_t {
  own,      // differ, or may differ, from what is behind the mapping: anonymous pages
  present,  // all that are in memory
};

// The pages of [start, end) that are `wanted`. If pagemap cannot be read: all of them.
std::vector<PageRange> find_pages(pid_t pid, uint64_t start, uint64_t end, Pages wanted);

}  // namespace ckpt
