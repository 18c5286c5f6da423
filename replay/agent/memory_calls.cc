// Memory calls in replay: made for real, at the recorded address.
#include "record/agent/request.h"
#include "record/agent/sites.h"
#include "replay/agent/replay.h"
#include "trace/model/syscalls.h"

namespace ckpt::agent {

using model::Handler;

namespace {

constexpr u64 kShared = 1, kFixed = 0x10, kAnonymous = 0x20;
// What a mapping of replay does not take over: growing on its own is kept, pinning is not.
constexpr u64 kDropped = 0x100000 /* FIXED_NOREPLACE */ | 0x2000 /* LOCKED */ | 0x8000 /* POPULATE */ |
                         0x40000 /* HUGETLB */ | (63ull << 26) | 0x80000 /* SYNC */;

void expect(Task* task, i64 met, i64 wanted) {
  if (met != wanted) diverge(task, abi::Divergence::result, static_cast<u64>(met), static_cast<u64>(wanted));
}

i64 map_anonymous(u64 address, u64 bytes, u64 protection, u64 flags) {
  return raw_syscall(__NR_mmap, address, bytes, protection, flags | kFixed | kAnonymous, ~0ull, 0);
}

i64 map_file(u64 address, u64 bytes, u64 protection, u64 flags, u64 offset, const u64 facts[6]) {
  // The supervisor puts the path of the copy, or of the shared memory that stands for the file.
  if (!ask(abi::Request::file_wanted, facts[1], facts[2], facts[3], facts[4], facts[5], flags & kShared))
    return -kEBADF;
  constexpr u64 kReadWrite = 2, kReadOnly = 0, kAtCwd = static_cast<u64>(-100);
  i64 fd =
      raw_syscall(__NR_openat, kAtCwd, reinterpret_cast<u64>(exchange()), flags & kShared ? kReadWrite : kReadOnly);
  if (failed(fd)) return fd;
  i64 result = raw_syscall(__NR_mmap, address, bytes, protection, flags | kFixed, static_cast<u64>(fd), offset);
  raw_syscall(__NR_close, static_cast<u64>(fd));
  return result;
}

void map(Task* task, const abi::EventHeader* event, const u64 args[6]) {
  constexpr u64 kAllProtection = 7;
  u64 address = static_cast<u64>(event->result), flags = args[3] & ~kDropped;
  const u64* facts = event_args(event) + 6;
  bool from_file = event->args == 12 && facts[0];
  i64 met = from_file ? map_file(address, args[1], args[2] & kAllProtection, flags, args[5], facts)
                      : map_anonymous(address, args[1], args[2] & kAllProtection, flags);
  if (args[3] & (kFixed | 0x100000)) forget_windows(address, round_up(args[1], 4096));
  expect(task, met, event->result);
}

void change_break(Task* task, i64 result) {
  u64 before = round_up(process.program_break, 4096), now = round_up(static_cast<u64>(result), 4096);
  if (process.program_break && now > before)
    expect(task, map_anonymous(before, now - before, 3, 2), static_cast<i64>(before));
  else if (process.program_break && now < before)
    raw_syscall(__NR_munmap, now, before - now);
  process.program_break = static_cast<u64>(result);
}

void remap(Task* task, i64 result, const u64 args[6]) {
  constexpr u64 kMayMove = 1, kRemapFixed = 2, kDontUnmap = 4;
  bool moved = static_cast<u64>(result) != args[0];
  u64 flags = moved ? kMayMove | kRemapFixed | (args[3] & kDontUnmap) : 0;
  expect(task, raw_syscall(__NR_mremap, args[0], args[1], args[2], flags, static_cast<u64>(result)), result);
  if (moved) forget_windows(args[0], round_up(args[1], 4096));
}

void advise(const u64 args[6]) {
  constexpr u64 kDontNeed = 4, kFree = 8, kRemove = 9;
  if (args[2] == kDontNeed || args[2] == kFree || args[2] == kRemove)
    raw_syscall(__NR_madvise, args[0], args[1], args[2] == kFree ? kDontNeed : args[2]);
}

}  // namespace

void limit_stack(u64 bytes) {
  u64 limit[2] = {};
  constexpr u64 kStack = 3;
  raw_syscall(__NR_prlimit64, 0, kStack, 0, reinterpret_cast<u64>(limit));
  limit[0] = bytes < limit[1] ? bytes : limit[1];
  raw_syscall(__NR_prlimit64, 0, kStack, reinterpret_cast<u64>(limit), 0);
}

i64 replay_memory_call(Task* task, const abi::EventHeader* event, const u64 args[6]) {
  i64 result = event->result;
  if (failed(result) && model::row_of(event->number)->handler != Handler::advise) return result;
  switch (model::row_of(event->number)->handler) {
    case Handler::map: map(task, event, args); break;
    case Handler::program_break: change_break(task, result); break;
    case Handler::remap: remap(task, result, args); break;
    case Handler::unmap:
      expect(task, raw_syscall(__NR_munmap, args[0], args[1]), result);
      forget_windows(args[0], round_up(args[1], 4096));
      break;
    case Handler::protect:
      expect(task, raw_syscall(__NR_mprotect, args[0], args[1], args[2]), result);
      break;
    default:
      advise(args);
  }
  return result;
}

}  // namespace ckpt::agent
