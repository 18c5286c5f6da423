// Time: every clock, through libc, the vDSO and the call itself; none goes back, and the ways agree.
#include <pthread.h>
#include <sys/time.h>

#include "tests/guests/check.h"

static uint64_t ns(const timespec& when) {
  return uint64_t(when.tv_sec) * 1'000'000'000 + uint64_t(when.tv_nsec);
}

static uint64_t by_libc(clockid_t clock) {
  timespec now;
  CHECK(clock_gettime(clock, &now) == 0);
  return ns(now);
}

static uint64_t by_call(clockid_t clock) {
  timespec now;
  CHECK(raw_syscall(SYS_clock_gettime, clock, address(&now)) == 0);
  return ns(now);
}

int main() {
  for (clockid_t clock : {CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_REALTIME,
                          CLOCK_REALTIME_COARSE, CLOCK_TAI, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID}) {
    timespec resolution;
    CHECK(clock_getres(clock, &resolution) == 0 && ns(resolution) > 0);
    // The wall clock may be set back at any time by somebody else.
    bool may_go_back = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI;
    uint64_t first = by_libc(clock), last = first;
    for (int i = 0; i < 100; i++) {
      uint64_t now = i % 2 ? by_libc(clock) : by_call(clock);
      CHECK(may_go_back || now >= last);
      last = now;
    }
    printf("clock %d: %lu, later %lu\n", clock, first, last);
  }
  clockid_t of_thread, of_process;
  CHECK(pthread_getcpuclockid(pthread_self(), &of_thread) == 0 && by_libc(of_thread) > 0);
  CHECK(clock_getcpuclockid(0, &of_process) == 0 && by_libc(of_process) > 0 && clock() >= 0);
  timeval day;
  timespec base;
  CHECK(gettimeofday(&day, nullptr) == 0 && timespec_get(&base, TIME_UTC) == TIME_UTC);
  tm local;
  time_t seconds = time(nullptr);
  CHECK(localtime_r(&seconds, &local) && local.tm_year >= 70);
  CHECK(raw_syscall(SYS_clock_gettime, 99, address(&base)) == -EINVAL);
  printf("day %ld.%06ld, then %ld.%09ld, %ld\n", day.tv_sec, day.tv_usec, base.tv_sec, base.tv_nsec, seconds);
  return finish();
}
