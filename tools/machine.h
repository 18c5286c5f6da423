// Facts about the machine that need no trying: limits, sizes, versions.
//
// Threads: safe.
// Errors:  none: what cannot be read is "unknown".
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace ckpt {

std::string kernel_version();

// Bytes the processor's XSAVE state takes with all features enabled, and whether AVX-512 is one.
uint32_t xsave_bytes();
bool has_avx512();

// A number from a file of one line, such as those in /proc/sys.
std::optional<uint64_t> number_in_file(const std::string& path);

// Soft limit of a resource; nothing if there is none.
std::optional<uint64_t> resource_limit(int resource);

// What the control groups we are in allow, the narrowest of them; nothing if there is no limit.
std::optional<uint64_t> cgroup_memory_bytes();
std::optional<double> cgroup_cpus();

// Free bytes, for us, where `path` is or would be made.
std::optional<uint64_t> free_disk_bytes(std::string path);

}  // namespace ckpt
