// Threads: six append their number to a list under a mutex: the order is the scheduler's.
#include <mutex>
#include <thread>
#include <vector>

#include "tests/guests/check.h"

int main() {
  constexpr int kThreads = 6, kRounds = 200;
  std::mutex mutex;
  std::recursive_mutex recursive;
  std::vector<int> order;
  uint64_t tried = 0;
  std::vector<std::thread> threads;
  for (int id = 0; id < kThreads; id++)
    threads.emplace_back([&, id] {
      for (int i = 0; i < kRounds; i++) {
        if (i % 2) {
          std::lock_guard lock(mutex);
          order.push_back(id);
        } else {
          uint64_t failed = 0;
          while (!mutex.try_lock()) {
            failed++;
            std::this_thread::yield();
          }
          order.push_back(id);
          tried += failed;
          mutex.unlock();
        }
        std::scoped_lock both(recursive, mutex);
        std::lock_guard again(recursive);
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(order.size() == size_t(kThreads * kRounds));
  int counts[kThreads] = {};
  for (int id : order) counts[id]++;
  for (int count : counts) CHECK(count == kRounds);
  printf("order %016lx, failed tries %lu\n", hash_bytes(order.data(), order.size() * sizeof(int)), tried);
  return finish();
}
