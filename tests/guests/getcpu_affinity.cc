// Kernel writes: the number of CPUs, the one we are on, and the set we may use, changed and put back.
#include <sched.h>

#include <thread>

#include "tests/guests/check.h"

int main() {
  cpu_set_t all, one, now;
  CHECK(sched_getaffinity(0, sizeof all, &all) == 0);
  int count = CPU_COUNT(&all), cpu = sched_getcpu();
  CHECK(count >= 1 && cpu >= 0 && CPU_ISSET(cpu, &all));
  printf("online %u\n", std::thread::hardware_concurrency());  // may be more than we are allowed
  unsigned raw_cpu = ~0u, node = ~0u;
  CHECK(raw_syscall(SYS_getcpu, address(&raw_cpu), address(&node), 0) == 0 && CPU_ISSET(raw_cpu, &all));
  printf("%d cpus of %ld, on %d, then %u of node %u\n", count, sysconf(_SC_NPROCESSORS_CONF), cpu, raw_cpu, node);
  CPU_ZERO(&one);
  CPU_SET(unsigned(cpu), &one);
  CHECK(sched_setaffinity(0, sizeof one, &one) == 0 && sched_getaffinity(0, sizeof now, &now) == 0);
  CHECK(CPU_EQUAL(&one, &now) && sched_getcpu() == cpu);
  std::thread([&] {  // inherited
    cpu_set_t inherited;
    CHECK(pthread_getaffinity_np(pthread_self(), sizeof inherited, &inherited) == 0 && CPU_EQUAL(&inherited, &one));
  })
      .join();
  CHECK(sched_setaffinity(0, sizeof all, &all) == 0);
  CHECK(sched_setaffinity(getpid(), 0, &one) == -1 && errno == EINVAL);
  // The kernel returns the bytes of its mask, not 0: libc hides it.
  long bytes = raw_syscall(SYS_sched_getaffinity, 0, sizeof now, address(&now));
  CHECK(bytes > 0 && bytes % 8 == 0 && raw_syscall(SYS_sched_getaffinity, 0, 0, address(&now)) == -EINVAL);
  return finish();
}
