// Tries the two ways of the kernel to say which pages were written: userfaultfd in its
// asynchronous write-protect mode, and PAGEMAP_SCAN (both Linux 6.7). The constants stand
// here because the headers of older distributions lack them.
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "tools/probe.h"

namespace ckpt {
namespace {

constexpr int kUserModeOnly = 1;                   // UFFD_USER_MODE_ONLY
constexpr uint64_t kFeatureUnpopulated = 1 << 13;  // UFFD_FEATURE_WP_UNPOPULATED
constexpr uint64_t kFeatureAsync = 1 << 15;        // UFFD_FEATURE_WP_ASYNC
constexpr uint64_t kPageWritten = 1 << 1;          // PAGE_IS_WRITTEN
constexpr size_t kPageBytes = 4096;
constexpr size_t kPages = 4;

struct PageRegion {  // struct page_region
  uint64_t start, end, categories;
};
struct ScanArgument {  // struct pm_scan_arg
  uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
  uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
static_assert(sizeof(ScanArgument) == 96);
constexpr unsigned long kPagemapScan = _IOWR('f', 16, ScanArgument);

int open_userfaultfd(uint64_t features) {
  int fd = static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | kUserModeOnly));
  if (fd < 0) return -1;
  uffdio_api api = {.api = UFFD_API, .features = features, .ioctls = 0};
  if (ioctl(fd, UFFDIO_API, &api) == 0) return fd;
  close(fd);
  return -1;
}

char* some_pages() {
  void* pages =
      mmap(nullptr, kPages * kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  return pages == MAP_FAILED ? nullptr : static_cast<char*>(pages);
}

// How many of the pages the kernel says were written, or -1 with errno.
long scan_written(char* pages) {
  int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  PageRegion regions[kPages] = {};
  uint64_t start = reinterpret_cast<uint64_t>(pages);
  ScanArgument scan = {};
  scan.size = sizeof scan;
  scan.start = start;
  scan.end = start + kPages * kPageBytes;
  scan.vec = reinterpret_cast<uint64_t>(regions);
  scan.vec_len = kPages;
  scan.category_mask = kPageWritten;
  scan.return_mask = kPageWritten;
  long found = ioctl(fd, kPagemapScan, &scan);
  close(fd);
  if (found < 0) return -1;
  long written = 0;
  for (long i = 0; i < found; ++i) written += static_cast<long>((regions[i].end - regions[i].start) / kPageBytes);
  return written;
}

}  // namespace

Answer probe_userfaultfd() {
  if (open_userfaultfd(0) < 0) return refused_by_kernel();
  return {true, "UFFD_USER_MODE_ONLY"};
}

Answer probe_write_tracking() {
  int fd = open_userfaultfd(kFeatureAsync | kFeatureUnpopulated);
  if (fd < 0) return refused_by_kernel();
  char* pages = some_pages();
  if (!pages) return refused_by_kernel();
  uffdio_register range = {};
  range.range = {.start = reinterpret_cast<uint64_t>(pages), .len = kPages * kPageBytes};
  range.mode = UFFDIO_REGISTER_MODE_WP;
  if (ioctl(fd, UFFDIO_REGISTER, &range) != 0) return refused_by_kernel();
  uffdio_writeprotect protect = {.range = range.range, .mode = UFFDIO_WRITEPROTECT_MODE_WP};
  if (ioctl(fd, UFFDIO_WRITEPROTECT, &protect) != 0) return refused_by_kernel();
  *static_cast<volatile char*>(pages + kPageBytes) = 1;
  long written = scan_written(pages);
  if (written < 0) return refused_by_kernel();
  return {written == 1, written == 1 ? "" : "armed, but writes are not reported"};
}

Answer probe_pagemap_scan() {
  char* pages = some_pages();
  if (!pages || scan_written(pages) < 0) return refused_by_kernel();
  return {true, ""};
}

}  // namespace ckpt
