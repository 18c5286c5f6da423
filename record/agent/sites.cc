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

constexpr u32 kMaxBreakpoints = 1024, kMaxGuards = 1024;
Breakpoint breakpoints[kMaxBreakpoints];
u32 breakpoint_count;
Guard guards[kMaxGuards];
u32 guard_count;
constexpr u32 kMaxAreas = 256;
Guard areas[kMaxAreas];  // of trampolines
u32 area_count;

u64 start_of(const WindowRecord& window) { return window.start; }
u64 start_of(const Breakpoint& breakpoint) { return breakpoint.site; }
u64 start_of(const Guard& guard) { return guard.start; }

// Takes what begins in [start, start + bytes) out of a table.
template <class Record>
void forget(Record* records, u32* count, u64 start, u64 bytes) {
  for (u32 i = 0; i < *count;)
    if (start_of(records[i]) - start < bytes)
      copy_bytes(&records[i], &records[--*count], sizeof(Record));
    else
      i++;
}

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

bool place_breakpoint(Breakpoint breakpoint) {
  const u8 int3 = 0xcc;
  bool placed = breakpoint_count < kMaxBreakpoints && read_program(breakpoint.site, &breakpoint.original) &&
                write_text(breakpoint.site, &int3, 1);
  if (placed) copy_bytes(&breakpoints[breakpoint_count++], &breakpoint, sizeof breakpoint);
  return placed;
}

const Breakpoint* breakpoint_at(u64 site) {
  for (u32 i = 0; i < breakpoint_count; i++)
    if (breakpoints[i].site == site) return &breakpoints[i];
  return nullptr;
}

void set_guard(u64 start, u64 bytes, u32 protection) {
  constexpr u32 kExecute = 4;
  raw_syscall(__NR_mprotect, start, bytes, protection);
  if (!(protection & kExecute) && guard_count < kMaxGuards)
    guards[guard_count++] = Guard{start, bytes};
  else
    forget(guards, &guard_count, start, bytes);
}

const Guard* guard_at(u64 address) {
  for (u32 i = 0; i < guard_count; i++)
    if (address - guards[i].start < guards[i].bytes) return &guards[i];
  return nullptr;
}

const Guard* any_guard() { return guard_count ? &guards[0] : nullptr; }

bool is_changed(u64 site) {
  for (u32 i = 0; i < window_count; i++)
    if (site - windows[i].start < windows[i].bytes) return true;
  return breakpoint_at(site) != nullptr;
}

void remember_trampolines(u64 start, u64 bytes) {
  if (area_count < kMaxAreas) {
    areas[area_count].start = start;
    areas[area_count++].bytes = bytes;
  }
}

bool in_trampolines(u64 pc) {
  for (u32 i = 0; i < area_count; i++)
    if (pc - areas[i].start < areas[i].bytes) return true;
  return false;
}

void remove_traps() {
  constexpr u32 kReadExecute = 5;
  while (breakpoint_count) {
    const Breakpoint& last = breakpoints[--breakpoint_count];
    write_text(last.site, &last.original, 1);
  }
  while (guard_count) {
    const Guard& last = guards[--guard_count];
    raw_syscall(__NR_mprotect, last.start, last.bytes, kReadExecute);
  }
}

void forget_windows(u64 start, u64 bytes) {
  forget(windows, &window_count, start, bytes);
  forget(breakpoints, &breakpoint_count, start, bytes);
  forget(guards, &guard_count, start, bytes);
}

}  // namespace ckpt::agent
