// Threads: policies and priorities are asked for, and what the kernel answers is told; an ordinary user may do less.
#include <sched.h>
#include <sys/resource.h>

#include <thread>

#include "tests/guests/check.h"

static void try_policy(const char* name, int policy, int priority) {
  sched_param wanted = {.sched_priority = priority}, got = {};
  int result = pthread_setschedparam(pthread_self(), policy, &wanted), now = -1;
  printf("%s: %d\n", name, result);
  CHECK(result == 0 || result == EPERM);
  CHECK(pthread_getschedparam(pthread_self(), &now, &got) == 0);
  if (result == 0) CHECK(now == policy && got.sched_priority == priority);
  wanted.sched_priority = 0;
  CHECK(pthread_setschedparam(pthread_self(), SCHED_OTHER, &wanted) == 0);
}

int main() {
  std::thread([] {
    try_policy("batch", SCHED_BATCH, 0);
    try_policy("fifo", SCHED_FIFO, sched_get_priority_min(SCHED_FIFO));
    try_policy("round robin", SCHED_RR, sched_get_priority_min(SCHED_RR));
  }).join();
  sched_param wrong = {.sched_priority = 1000};
  CHECK(sched_setscheduler(0, SCHED_FIFO, &wrong) == -1 && errno == EINVAL);
  CHECK(sched_get_priority_max(SCHED_FIFO) == 99 && sched_getscheduler(0) == SCHED_OTHER);
  timespec quantum = {};
  CHECK(sched_rr_get_interval(0, &quantum) == 0);
  int before = getpriority(PRIO_PROCESS, 0);
  std::thread([before] {  // nice is a thread's own on Linux
    id_t tid = id_t(gettid());
    CHECK(setpriority(PRIO_PROCESS, tid, 19) == 0 && getpriority(PRIO_PROCESS, tid) == 19);
    CHECK(before == 19 || getpriority(PRIO_PROCESS, id_t(getpid())) == before);
    errno = 0;
    CHECK(setpriority(PRIO_PROCESS, tid, before) == 0 || errno == EACCES || errno == EPERM);
  })
      .join();
  printf("quantum %ld ns, nice %d\n", quantum.tv_nsec, before);
  return finish();
}
