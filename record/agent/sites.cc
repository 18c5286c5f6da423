#include "record/agent/sites.h"

namespace ckpt::agent {

namespace {

struct WindowRecord {
  u64 start, after_site, tail;
  u32 bytes;
};
constexpr u32 kMaxWindows = 8192;
WindowRecord windows[kMaxWindows];
u32 window_count;

}  // namespace

bool write_text(u64 address, const void* bytes, u64 count) {
  u64 first = round_down(address, 4096), last = round_up(address + count, 4096);
  if (failed(raw_syscall(__NR_mprotect, first, last - first, 7))) {
    // Some kernels refuse writable and executable at once: nobody runs program code now, so
    // do one after the other.
    if (failed(raw_syscall(__NR_mprotect, first, last - first, 3))) return false;
  }
  bool written = ckpt_agent_copy(reinterpret_cast<void*>(address), bytes, count) == count;
  return !failed(raw_syscall(__NR_mprotect, first, last - first, 5)) && written;
}

void remember_window(u64 start, u32 bytes, u64 after_site, u64 tail) {
  if (window_count < kMaxWindows) windows[window_count++] = WindowRecord{start, after_site, tail, bytes};
}

u64 resume_address(u64 pc) {
  for (u32 i = 0; i < window_count; i++) {
    const WindowRecord& w = windows[i];
    if (pc - w.start >= w.bytes || pc == w.start) continue;
    if (pc == w.after_site) return w.tail;
  }
  return pc;
}

u64 program_address(u64 pc) {
  for (u32 i = 0; i < window_count; i++)
    if (windows[i].tail == pc) return windows[i].after_site;
  return pc;
}

u64 restart_address(u64 site) {
  for (u32 i = 0; i < window_count; i++)
    if (site - windows[i].start < windows[i].bytes) return windows[i].start;
  return site;
}

void forget_windows(u64 start, u64 bytes) {
  for (u32 i = 0; i < window_count;)
    if (windows[i].start - start < bytes) {
      window_count--;
      windows[i].start = windows[window_count].start;
      windows[i].after_site = windows[window_count].after_site;
      windows[i].tail = windows[window_count].tail;
      windows[i].bytes = windows[window_count].bytes;
    } else {
      i++;
    }
}

}  // namespace ckpt::agent
