// Threads: readers together or one writer alone, timed and untimed.
#include <atomic>
#include <shared_mutex>
#include <thread>

#include "tests/guests/check.h"

int main() {
  std::shared_timed_mutex mutex;
  std::atomic<int> readers = 0, most_readers = 0, timeouts = 0;
  int value = 0, copy = 0;
  uint64_t order = 0;
  std::thread threads[6];
  for (int id = 0; id < 6; id++)
    threads[id] = std::thread([&, id] {
      for (int i = 0; i < 60; i++) {
        if (id < 2) {
          if (i % 3 == 0) {
            mutex.lock();
          } else {
            while (!mutex.try_lock_for(std::chrono::microseconds(200))) timeouts++;
          }
          CHECK(readers == 0);
          value++;
          sched_yield();
          copy++;
          order = hash_bytes(&id, sizeof id, order);
          mutex.unlock();
        } else {
          std::shared_lock lock(mutex);
          int now = ++readers;
          for (int seen = most_readers; now > seen && !most_readers.compare_exchange_weak(seen, now);) continue;
          CHECK(value == copy);
          if (i % 4 == 0) sched_yield();
          readers--;
        }
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(value == 120 && copy == 120 && readers == 0);
  printf("most readers %d, timeouts %d, order %016lx\n", most_readers.load(), timeouts.load(), order);
  return finish();
}
