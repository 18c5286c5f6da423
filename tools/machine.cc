#include "tools/machine.h"

#include <cpuid.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

#include <algorithm>
#include <fstream>
#include <string_view>
#include <vector>

namespace ckpt {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

uint64_t enabled_state() {
  uint32_t low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

// The folders of our control group and all above it, for a controller of version 1 or for version 2 ("").
std::vector<std::string> cgroup_folders(const std::string& controller) {
  std::vector<std::string> folders;
  std::ifstream list("/proc/self/cgroup");
  std::string root = controller.empty() ? "/sys/fs/cgroup" : "/sys/fs/cgroup/" + controller;
  for (std::string line; std::getline(list, line);) {
    size_t names = line.find(':'), path = names == std::string::npos ? names : line.find(':', names + 1);
    if (path == std::string::npos) continue;
    std::string controllers = "," + line.substr(names + 1, path - names - 1) + ",";
    if (controllers.find("," + controller + ",") == std::string::npos) continue;
    for (std::string at = line.substr(path + 1); at.size() > 1; at.resize(at.find_last_of('/')))
      folders.push_back(root + at);
    break;
  }
  folders.push_back(root);  // also what a container sees of its own
  return folders;
}

}  // namespace

std::string kernel_version() {
  utsname names;
  return uname(&names) == 0 ? std::string(names.release) : "unknown";
}

uint32_t xsave_bytes() {
  uint32_t a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(1, 0, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return 0;
  return __get_cpuid_count(0xd, 0, &a, &b, &c, &d) ? b : 0;
}

bool has_avx512() {
  uint32_t a = 0, b = 0, c = 0, d = 0;
  if (xsave_bytes() == 0 || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  return (b & bit_AVX512F) && (enabled_state() & 0xe0) == 0xe0;
}

std::optional<uint64_t> number_in_file(const std::string& path) {
  std::string line = first_line(path);
  if (line.empty() || line.find_first_not_of("0123456789") != std::string::npos || line.size() > 19)
    return std::nullopt;
  return std::stoull(line);
}

std::optional<uint64_t> resource_limit(int resource) {
  rlimit limit;
  if (getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return std::nullopt;
  return limit.rlim_cur;
}

std::optional<uint64_t> cgroup_memory_bytes() {
  // Version 1 says "no limit" with a number close to the largest.
  constexpr uint64_t kNoLimit = uint64_t{1} << 60;
  uint64_t least = kNoLimit;
  for (const std::string& folder : cgroup_folders(""))
    least = std::min(least, number_in_file(folder + "/memory.max").value_or(kNoLimit));
  for (const std::string& folder : cgroup_folders("memory"))
    least = std::min(least, number_in_file(folder + "/memory.limit_in_bytes").value_or(kNoLimit));
  if (least >= kNoLimit) return std::nullopt;
  return least;
}

std::optional<double> cgroup_cpus() {
  double least = 1e9;
  for (const std::string& folder : cgroup_folders("")) {
    std::ifstream file(folder + "/cpu.max");
    double quota = 0, period = 0;
    if (file >> quota >> period && period > 0) least = std::min(least, quota / period);
  }
  for (const std::string& folder : cgroup_folders("cpu")) {
    auto quota = number_in_file(folder + "/cpu.cfs_quota_us"), period = number_in_file(folder + "/cpu.cfs_period_us");
    if (quota && period && *period > 0)
      least = std::min(least, static_cast<double>(*quota) / static_cast<double>(*period));
  }
  if (least >= 1e9) return std::nullopt;
  return least;
}

std::optional<uint64_t> free_disk_bytes(std::string path) {
  struct statvfs facts;
  while (statvfs(path.c_str(), &facts) != 0) {
    size_t slash = path.find_last_of('/');
    if (slash == std::string::npos) return std::nullopt;
    path.resize(slash);
    if (path.empty()) path = "/";
    if (slash == 0 && statvfs("/", &facts) != 0) return std::nullopt;
  }
  return uint64_t{facts.f_bavail} * facts.f_frsize;
}

}  // namespace ckpt
