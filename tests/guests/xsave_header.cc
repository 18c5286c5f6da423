// Threads: what xsave, xsavec and xsaveopt leave in memory when other threads and signals come between.
#include <cpuid.h>
#include <immintrin.h>
#include <pthread.h>
#include <signal.h>

#include "tests/guests/check.h"

alignas(64) static unsigned char areas[4][3][8192];
static const uint64_t kWanted = 0xe6;  // SSE, AVX, AVX-512

#define SAVE(instruction, area) \
  asm volatile(instruction " (%0)" : : "r"(area), "a"(static_cast<uint32_t>(kWanted)), "d"(0) : "memory")

static void* save(void* argument) {
  auto& mine = areas[reinterpret_cast<uintptr_t>(argument)];
  for (int i = 0; i < 200; i++) {
    if (i % 50 == 0) sleep_ms(1);
    if (i % 7 == 0) raise(SIGUSR1);
    SAVE("xsave", mine[0]);
    SAVE("xsavec", mine[1]);
    SAVE("xsaveopt", mine[2]);
  }
  return nullptr;
}

static void on_signal(int) {}

int main() {
  unsigned a, b, c, d;
  CHECK(__get_cpuid(1, &a, &b, &c, &d));
  bool enabled = c & bit_OSXSAVE;
  CHECK(!__get_cpuid_count(13, 0, &a, &b, &c, &d) || b <= 8192);
  bool all = __get_cpuid_count(13, 1, &a, &b, &c, &d) && (a & 3) == 3;
  printf("saved %d\n", enabled && all);
  if (enabled && all) {
    CHECK(signal(SIGUSR1, on_signal) != SIG_ERR);
    pthread_t threads[4];
    for (uintptr_t i = 0; i < 4; i++) CHECK(pthread_create(&threads[i], nullptr, save, reinterpret_cast<void*>(i)) == 0);
    for (pthread_t thread : threads) CHECK(pthread_join(thread, nullptr) == 0);
    for (auto& area : areas)
      for (auto& one : area) printf("%016lx\n", hash_bytes(one, 576, 0));
  }
  return finish();
}
