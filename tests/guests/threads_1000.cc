// Threads: a thousand alive at once, waiting for each other.
#include <pthread.h>

#include "tests/guests/check.h"

constexpr unsigned kThreads = 1000;
static pthread_barrier_t barrier;
static int arrived = 0;
static pid_t tids[kThreads];

static void* body(void* slot) {
  *static_cast<pid_t*>(slot) = gettid();
  __atomic_add_fetch(&arrived, 1, __ATOMIC_ACQ_REL);
  int result = pthread_barrier_wait(&barrier);
  CHECK(result == 0 || result == PTHREAD_BARRIER_SERIAL_THREAD);
  return slot;
}

int main() {
  pthread_attr_t small;
  CHECK(pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, 64 * 1024) == 0);
  CHECK(pthread_barrier_init(&barrier, nullptr, kThreads + 1) == 0);
  static pthread_t threads[kThreads];
  for (unsigned i = 0; i < kThreads; i++) CHECK(pthread_create(&threads[i], &small, body, &tids[i]) == 0);
  int result = pthread_barrier_wait(&barrier);
  CHECK(result == 0 || result == PTHREAD_BARRIER_SERIAL_THREAD);
  CHECK(arrived == int(kThreads));
  for (unsigned i = 0; i < kThreads; i++) {
    void* slot = nullptr;
    CHECK(pthread_join(threads[i], &slot) == 0 && slot == &tids[i] && tids[i] > 0);
  }
  printf("threads %d to %d, all %016lx\n", tids[0], tids[kThreads - 1], hash_bytes(tids, sizeof tids));
  return finish();
}
