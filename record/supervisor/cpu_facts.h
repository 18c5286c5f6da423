// What the header says of the CPU, and what the kernel offers the agent. Feature tests only.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "trace/store/store.h"

namespace ckpt {

bool has_fsgsbase();
bool has_user_dispatch();
bool has_seccomp_filter();
// cpuid table, XCR0, XSAVE size, frequency of the time stamp counter.
void fill_cpu_facts(TraceHeader* header);
// (device, inode) of a regular file; nothing for devices and the like.
std::optional<std::pair<uint64_t, uint64_t>> file_identity(int fd);

}  // namespace ckpt
