// Threads: barriers, read-write locks, call_once, function-local statics and spin locks under contention.
#include <pthread.h>

#include <mutex>
#include <thread>

#include "tests/guests/check.h"

constexpr int kThreads = 5, kRounds = 30;
static pthread_barrier_t barrier;
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t spin;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static std::once_flag flag;
static int once_runs = 0, static_runs = 0, serial = 0, shared[2], spun = 0;
static uint64_t order = 0;

static int slow_start() {
  sleep_ms(1);
  return ++static_runs;
}

static void body(int id) {
  CHECK(pthread_once(&once, [] { once_runs++; }) == 0);
  std::call_once(flag, [] { once_runs++; });
  static int started = slow_start();
  CHECK(started == 1);
  for (int i = 0; i < kRounds; i++) {
    if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) serial++;
    if (i % kThreads == id) {
      CHECK(pthread_rwlock_wrlock(&lock) == 0);
      shared[0]++;
      sched_yield();
      shared[1]++;
      order = hash_bytes(&id, sizeof id, order);
    } else {
      CHECK(pthread_rwlock_rdlock(&lock) == 0);
      CHECK(shared[0] == shared[1]);
    }
    CHECK(pthread_rwlock_unlock(&lock) == 0);
    CHECK(pthread_spin_lock(&spin) == 0);
    order = hash_bytes(&id, sizeof id, order);
    spun++;
    CHECK(pthread_spin_unlock(&spin) == 0);
  }
}

int main() {
  CHECK(pthread_barrier_init(&barrier, nullptr, kThreads) == 0 && pthread_spin_init(&spin, 0) == 0);
  std::thread threads[kThreads];
  for (int id = 0; id < kThreads; id++) threads[id] = std::thread(body, id);
  for (std::thread& thread : threads) thread.join();
  CHECK(once_runs == 2 && static_runs == 1 && serial == kRounds && spun == kThreads * kRounds);
  CHECK(shared[0] == kRounds && shared[1] == kRounds);
  printf("order %016lx\n", order);
  return finish();
}
