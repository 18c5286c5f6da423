// Sleeping calls. Their relative timeouts are turned into deadlines, so that an interruption
// of ours does not prolong them.
#include "record/agent/call.h"
#include "record/agent/vdso.h"

namespace ckpt::agent {

using model::Handler;

namespace {

constexpr i64 kSecond = 1'000'000'000;
constexpr u64 kMonotonic = 1, kAbsolute = 1;

void clock_now(u64 clock, Timespec* now) { raw_syscall(__NR_clock_gettime, clock, reinterpret_cast<u64>(now)); }

}  // namespace

bool deadline_after(u64 address, Timespec* deadline) {
  Timespec given;
  if (!read_program(address, &given)) return false;
  *deadline = given;
  if (given.seconds < 0 || given.nanoseconds < 0 || given.nanoseconds >= kSecond) {
    deadline->nanoseconds = -1;  // the caller gets EINVAL
    return true;
  }
  Timespec now;
  clock_now(kMonotonic, &now);
  constexpr i64 kFar = 1ll << 40;
  deadline->seconds = given.seconds > kFar ? kFar : given.seconds + now.seconds;
  deadline->nanoseconds = given.nanoseconds + now.nanoseconds;
  if (deadline->nanoseconds >= kSecond) {
    deadline->nanoseconds -= kSecond;
    deadline->seconds++;
  }
  return true;
}

bool time_left(const Timespec& deadline, Timespec* left) {
  Timespec now;
  clock_now(kMonotonic, &now);
  left->seconds = deadline.seconds - now.seconds;
  left->nanoseconds = deadline.nanoseconds - now.nanoseconds;
  if (left->nanoseconds < 0) {
    left->nanoseconds += kSecond;
    left->seconds--;
  }
  if (left->seconds >= 0) return true;
  left->seconds = left->nanoseconds = 0;
  return false;
}

i64 record_time(Call& call) {
  if (call.row->handler == Handler::clock) {
    i64 answer;
    if (!ask_vdso(call.number, call.args, &answer)) answer = perform(call);
    log_call(call, answer);
    return answer;
  }
  // nanosleep(request, remaining) or clock_nanosleep(clock, flags, request, remaining).
  bool with_clock = call.row->handler == Handler::clock_sleep;
  u64 request = call.args[with_clock ? 2 : 0], remaining = call.args[with_clock ? 3 : 1];
  bool absolute = with_clock && (call.args[1] & kAbsolute);
  i64 result;
  if (absolute || (with_clock && call.args[0] > kMonotonic)) {
    result = perform_blocking(call, call.args);
  } else {
    Timespec deadline;
    if (!deadline_after(request, &deadline)) {
      result = -kEFAULT;
    } else if (deadline.nanoseconds < 0) {
      result = -kEINVAL;
    } else {
      const u64 args[6] = {kMonotonic, kAbsolute, reinterpret_cast<u64>(&deadline), 0, 0, 0};
      Call sleep = call;
      sleep.number = __NR_clock_nanosleep;
      result = perform_blocking(sleep, args);
      Timespec left;
      if (result == -kEINTR && remaining) {
        time_left(deadline, &left);
        if (!write_program(remaining, left)) result = -kEFAULT;
      }
    }
  }
  log_call(call, result);
  return result;
}

}  // namespace ckpt::agent
