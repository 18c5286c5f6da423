// Threads: one wakes all waiters of a condition at once, again and again; the order they come in is the scheduler's.
#include <condition_variable>
#include <mutex>
#include <thread>

#include "tests/guests/check.h"

int main() {
  constexpr int kThreads = 6, kRounds = 50;
  std::mutex mutex;
  std::condition_variable changed, all_there;
  int round = 0, there = 0;
  uint64_t order = 0;
  std::thread threads[kThreads];
  for (int id = 0; id < kThreads; id++)
    threads[id] = std::thread([&, id] {
      for (int i = 1; i <= kRounds; i++) {
        std::unique_lock hold(mutex);
        if (++there == kThreads) all_there.notify_one();
        changed.wait(hold, [&] { return round == i; });
        order = hash_bytes(&id, sizeof id, order);
      }
    });
  for (int i = 1; i <= kRounds; i++) {
    std::unique_lock hold(mutex);
    all_there.wait(hold, [&] { return there == kThreads; });
    there = 0;
    round = i;
    changed.notify_all();
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(there == 0 && round == kRounds);
  printf("order %016lx\n", order);
  return finish();
}
