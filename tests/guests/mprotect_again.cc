// Entry: text that was rewritten already is given the right to execute once more; spin locks and time stamps in it go on working.
#include <pthread.h>
#include <sys/mman.h>
#include <x86intrin.h>

#include "tests/guests/check.h"

static pthread_spinlock_t lock;
static volatile int held = 0;

static void* hold(void*) {
  CHECK(pthread_spin_lock(&lock) == 0);
  held = 1;
  sleep_ms(5);
  held = 0;
  CHECK(pthread_spin_unlock(&lock) == 0);
  return nullptr;
}

// Protects the mapping of text that `address` is in.
static void protect_text_around(uintptr_t address) {
  FILE* maps = fopen("/proc/self/maps", "r");
  CHECK(maps);
  char line[512];
  while (fgets(line, sizeof line, maps)) {
    uintptr_t start, end;
    CHECK(sscanf(line, "%lx-%lx", &start, &end) == 2);
    if (address >= start && address < end)
      CHECK(mprotect(reinterpret_cast<void*>(start), end - start, PROT_READ | PROT_EXEC) == 0);
  }
  fclose(maps);
}

int main() {
  CHECK(pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE) == 0);
  for (int i = 0; i < 3; i++) {
    protect_text_around(reinterpret_cast<uintptr_t>(&fopen));
    protect_text_around(reinterpret_cast<uintptr_t>(&main));
    pthread_t thread;
    CHECK(pthread_create(&thread, nullptr, hold, nullptr) == 0);
    while (!held) sched_yield();
    CHECK(pthread_spin_lock(&lock) == 0);
    CHECK(!held);
    CHECK(pthread_spin_unlock(&lock) == 0);
    CHECK(pthread_join(thread, nullptr) == 0);
    uint64_t first = __rdtsc();
    CHECK(__rdtsc() > first);
  }
  return finish();
}
