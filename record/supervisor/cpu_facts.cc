#include "record/supervisor/cpu_facts.h"

#include <cpuid.h>
#include <errno.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

namespace ckpt {

bool has_fsgsbase() { return ::getauxval(AT_HWCAP2) & 2; }

bool has_user_dispatch() {
  // In a child: switching it on here would catch our own calls.
  pid_t pid = ::fork();
  if (pid == 0) {
    static char selector = 0;
    ::_exit(::prctl(59 /* PR_SET_SYSCALL_USER_DISPATCH */, 1, 0, ~0ul >> 1, &selector) == 0 ? 0 : 1);
  }
  int status = 1;
  if (pid > 0) ::waitpid(pid, &status, 0);
  return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Asked with no filter: EFAULT says that one would be looked at.
bool has_seccomp_filter() { return ::prctl(22 /* PR_SET_SECCOMP */, 2, nullptr) != 0 && errno == EFAULT; }

namespace {

void add_leaf(TraceHeader* header, uint32_t leaf, uint32_t subleaf) {
  CpuidRow row{.leaf = leaf, .subleaf = subleaf, .eax = 0, .ebx = 0, .ecx = 0, .edx = 0};
  __cpuid_count(leaf, subleaf, row.eax, row.ebx, row.ecx, row.edx);
  header->cpuid.push_back(row);
}

uint64_t clock_ns() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

uint64_t measure_tsc_hz() {
  uint64_t ns = clock_ns(), tsc = __rdtsc();
  timespec pause{0, 1'000'000};
  ::nanosleep(&pause, nullptr);
  uint64_t ns2 = clock_ns(), tsc2 = __rdtsc();
  return static_cast<uint64_t>(static_cast<double>(tsc2 - tsc) * 1e9 / static_cast<double>(ns2 - ns));
}

}  // namespace

void fill_cpu_facts(TraceHeader* header) {
  add_leaf(header, 0, 0);
  uint32_t highest = header->cpuid[0].eax;
  for (uint32_t leaf : {1u, 7u, 13u, 0x14u, 0x19u})
    if (leaf <= highest) add_leaf(header, leaf, 0);
  if (highest >= 7) add_leaf(header, 7, 1);
  if (highest >= 13) add_leaf(header, 13, 1);
  add_leaf(header, 0x80000000, 0);
  add_leaf(header, 0x80000001, 0);
  unsigned low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  header->xcr0 = static_cast<uint64_t>(high) << 32 | low;
  unsigned a, b = 0, c, d;
  __cpuid_count(13, 0, a, b, c, d);
  header->xsave_bytes = b;
  header->tsc_hz = measure_tsc_hz();
}

std::optional<std::pair<uint64_t, uint64_t>> file_identity(int fd) {
  struct stat facts;
  if (::fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode)) return std::nullopt;
  return std::pair<uint64_t, uint64_t>(facts.st_dev, facts.st_ino);
}

}  // namespace ckpt
