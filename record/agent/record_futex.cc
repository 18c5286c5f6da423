// futex(2), emulated under the turn. See futex.h.
#include "record/agent/call.h"
#include "record/agent/futex.h"
#include "record/agent/turn.h"

namespace ckpt::agent {

bool in_shared_mapping(u64 address);  // record_memory.cc

namespace {

constexpr u32 kBuckets = 1024;
struct Bucket {
  Task* first;
  Task* last;
};
Bucket buckets[kBuckets];

Bucket& bucket_of(u64 address) { return buckets[(address >> 2) * 0x9e3779b97f4a7c15ull >> 54]; }

void append(Task* task, u64 address) {
  Bucket& bucket = bucket_of(address);
  task->futex_address = address;
  task->futex_next = nullptr;
  (bucket.last ? bucket.last->futex_next : bucket.first) = task;
  bucket.last = task;
}

void remove(Task* task) {
  Bucket& bucket = bucket_of(task->futex_address);
  Task* before = nullptr;
  for (Task* t = bucket.first; t; before = t, t = t->futex_next) {
    if (t != task) continue;
    (before ? before->futex_next : bucket.first) = t->futex_next;
    if (bucket.last == t) bucket.last = before;
    return;
  }
}

bool claim(Task* task, FutexState to) {
  u32 expected = kFutexWaiting;
  return __atomic_compare_exchange_n(&task->futex_state, &expected, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

bool give_up(Task* task) { return claim(task, kFutexGaveUp); }

Task* first_waiter(u64 address, u32 bitset) {
  for (Task* t = bucket_of(address).first; t; t = t->futex_next)
    if (t->futex_address == address && (t->futex_bitset & bitset) && load(t->futex_state) == kFutexWaiting) return t;
  return nullptr;
}

u32 requeue(u64 from, u64 to, u32 count) {
  u32 moved = 0;
  for (Task* t; moved < count && (t = first_waiter(from, ~0u)); moved++) {
    remove(t);
    append(t, to);
  }
  return moved;
}

constexpr i64 kNanosecondsPerSecond = 1'000'000'000;

// The futex timeout as a CLOCK_MONOTONIC deadline.
bool deadline_of(const Call& call, u32 operation, Timespec* deadline) {
  Timespec given;
  if (!read_program(call.args[3], &given)) return false;
  u32 op = operation & 127;
  if (op == kOpWait) return deadline_after(call.args[3], deadline);
  *deadline = given;
  if (!(operation & kFutexRealtime) && op != kOpLockPi) return true;
  Timespec real, monotonic;  // to the monotonic clock: a step of the real one is not followed
  raw_syscall(__NR_clock_gettime, 0, reinterpret_cast<u64>(&real));
  raw_syscall(__NR_clock_gettime, 1, reinterpret_cast<u64>(&monotonic));
  i64 left = (given.seconds - real.seconds) * kNanosecondsPerSecond + given.nanoseconds - real.nanoseconds;
  i64 at = monotonic.seconds * kNanosecondsPerSecond + monotonic.nanoseconds + (left > 0 ? left : 0);
  *deadline = Timespec{at / kNanosecondsPerSecond, at % kNanosecondsPerSecond};
  return true;
}

// Waits in the emulated queue. The turn is given up and back on return.
i64 sleep_in_queue(Call& call, u32 operation, u32 bitset) {
  Task* task = call.task;
  Timespec deadline;
  bool timed = call.args[3] != 0;
  if (timed && !deadline_of(call, operation, &deadline)) return -kEFAULT;
  if (timed && (deadline.seconds < 0 || deadline.nanoseconds < 0 || deadline.nanoseconds >= kNanosecondsPerSecond))
    return -kEINVAL;
  task->futex_bitset = bitset;
  store(task->futex_state, static_cast<u32>(kFutexWaiting));
  append(task, call.args[0]);
  give_turn(task, abi::TurnGiven::at_entry);
  i64 result = await_turn(task, timed ? &deadline : nullptr, give_up);
  if (result != 0) {
    take_turn(task);
    remove(task);
  }
  store(task->futex_state, static_cast<u32>(kFutexIdle));
  return result;
}

i64 wait(Call& call, u32 operation, u32 bitset) {
  u32 value;
  if (call.args[0] & 3 || bitset == 0) return -kEINVAL;
  if (!read_program(call.args[0], &value)) return -kEFAULT;
  if (value != static_cast<u32>(call.args[2])) return -kEAGAIN;
  return sleep_in_queue(call, operation, bitset);
}

i64 wake_op(Call& call) {
  u32 code = static_cast<u32>(call.args[5]);
  u32 op = code >> 28 & 7, compare = code >> 24 & 15;
  i64 operand = static_cast<i64>(static_cast<int32_t>(code << 8) >> 20),
      against = static_cast<i64>(static_cast<int32_t>(code << 20) >> 20);
  if (code >> 31) operand = 1ll << (operand & 31);
  u32 old;
  if (!read_program(call.args[4], &old)) return -kEFAULT;
  u32 by = static_cast<u32>(operand), value = old;
  switch (op) {
    case 0: value = by; break;
    case 1: value = old + by; break;
    case 2: value = old | by; break;
    case 3: value = old & ~by; break;
    case 4: value = old ^ by; break;
    default: return -kENOSYS;
  }
  if (!write_program(call.args[4], value)) return -kEFAULT;
  i64 result = wake_futex(call.args[0], static_cast<u32>(call.args[2]), ~0u);
  i64 met = static_cast<int32_t>(old);
  const bool hits[] = {met == against, met != against, met < against, met <= against, met > against, met >= against};
  if (compare < 6 && hits[compare]) result += wake_futex(call.args[4], static_cast<u32>(call.args[3]), ~0u);
  return result;
}

i64 lock_pi(Call& call, u32 operation, bool try_only) {
  Task* task = call.task;
  u32 word;
  if (!read_program(call.args[0], &word)) return -kEFAULT;
  if ((word & kFutexTidMask) == task->tid) return -kEDEADLK;
  if ((word & kFutexTidMask) == 0) {
    u32 taken = task->tid | (word & kFutexOwnerDied) | (first_waiter(call.args[0], ~0u) ? kFutexWaiters : 0);
    return write_program(call.args[0], taken) ? 0 : -kEFAULT;
  }
  if (try_only) return -kEAGAIN;
  write_program(call.args[0], word | kFutexWaiters);
  log_data(task->number, 0, call.args[0], 4);  // others see it before this call ends
  return sleep_in_queue(call, operation, ~0u);
}

}  // namespace

// Gives a PI futex to the first waiter, or frees it. Also at a thread's death.
i64 unlock_pi(u64 address, u32 died) {
  Task* next = first_waiter(address, ~0u);
  u32 word = died;
  if (next) {
    wake_futex(address, 1, ~0u);
    word |= next->tid | (first_waiter(address, ~0u) ? kFutexWaiters : 0);
  }
  return write_program(address, word) ? 0 : -kEFAULT;
}

u32 wake_futex(u64 address, u32 count, u32 bitset) {
  u32 woken = 0;
  for (Task* t; woken < count && (t = first_waiter(address, bitset));) {
    if (!claim(t, kFutexWoken)) continue;
    remove(t);
    enqueue_ready(t);
    woken++;
  }
  return woken;
}

namespace {

i64 emulate(Call& call, u32 operation, bool* written) {
  const u64* a = call.args;
  switch (operation & 127) {
    case kOpWait: return wait(call, operation, ~0u);
    case kOpWaitBitset: return wait(call, operation, static_cast<u32>(a[5]));
    case kOpWake: return wake_futex(a[0], static_cast<u32>(a[2]), ~0u);
    case kOpWakeBitset: return a[5] ? wake_futex(a[0], static_cast<u32>(a[2]), static_cast<u32>(a[5])) : -kEINVAL;
    case kOpCmpRequeue: {
      u32 value;
      if (!read_program(a[0], &value)) return -kEFAULT;
      if (value != static_cast<u32>(a[5])) return -kEAGAIN;
      [[fallthrough]];
    }
    case kOpRequeue: {
      i64 woken = wake_futex(a[0], static_cast<u32>(a[2]), ~0u);
      return woken + requeue(a[0], a[4], static_cast<u32>(a[3]));
    }
    case kOpWakeOp:
      *written = true;
      return wake_op(call);
    case kOpLockPi: case kOpLockPi2:
      *written = true;
      return lock_pi(call, operation, false);
    case kOpTrylockPi:
      *written = true;
      return lock_pi(call, operation, true);
    case kOpUnlockPi: {
      u32 word;
      *written = true;
      if (!read_program(a[0], &word)) return -kEFAULT;
      return (word & kFutexTidMask) == call.task->tid ? unlock_pi(a[0], 0) : -kEPERM;
    }
    default:
      report_refused(call.number, operation);
      return -kENOSYS;
  }
}

}  // namespace

i64 record_futex(Call& call) {
  if (call.number != __NR_futex) {  // futex_waitv: callers fall back
    report_refused(call.number, 0);
    log_call(call, -kENOSYS);
    return -kENOSYS;
  }
  u32 operation = static_cast<u32>(call.args[1]);
  bool written = false;
  i64 result;
  if (!(operation & kFutexPrivate) && in_shared_mapping(call.args[0])) {
    u32 op = operation & 127;
    bool waits = op == kOpWait || op == kOpWaitBitset || op == kOpLockPi || op == kOpLockPi2;
    result = waits ? perform_blocking(call, call.args) : perform(call);
    written = !waits || op == kOpLockPi || op == kOpLockPi2;
  } else {
    result = emulate(call, operation, &written);
  }
  u32 op = operation & 127;
  EventBuilder event(abi::EventKind::syscall, static_cast<u16>(call.number), call.task->number);
  for (int i = 0; i < 6; i++) event.arg(call.args[i]);
  if (written) event.output(0, op == kOpWakeOp ? call.args[4] : call.args[0], 4);
  event.commit(result);
  return result;
}

}  // namespace ckpt::agent
