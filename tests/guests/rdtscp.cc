// Entry: rdtscp inline: a time stamp and the number of the CPU.
#include <sched.h>
#include <x86intrin.h>

#include "tests/guests/check.h"

int main() {
  unsigned cpu = 0, seen = 0;
  uint64_t last = 0, hash = 0;
  for (int i = 0; i < 20000; i++) {
    uint64_t now = __rdtscp(&cpu);
    CHECK(now >= last);
    last = now;
    seen |= 1u << (cpu & 31);  // Linux keeps the CPU in the low 12 bits, the node above
    hash = hash_bytes(&now, sizeof now, hash);
  }
  CHECK(seen != 0);
  printf("last %lu, all %016lx, cpus %x, getcpu %d\n", last, hash, seen, sched_getcpu());
  return finish();
}
