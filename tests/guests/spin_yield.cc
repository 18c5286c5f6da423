// Threads: four spin with sched_yield until it is their turn; a spinner never starves the one it waits for.
#include <atomic>
#include <thread>

#include "tests/guests/check.h"

int main() {
  constexpr int kThreads = 4;
  std::atomic<int> turn = 0;
  uint64_t spins[kThreads] = {};
  std::thread threads[kThreads];
  for (int id = 0; id < kThreads; id++)
    threads[id] = std::thread([&, id] {
      for (int i = 0; i < 50; i++) {
        while (turn != i * kThreads + id) {
          CHECK(sched_yield() == 0);
          spins[id]++;
        }
        turn++;
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(turn == 50 * kThreads);
  printf("spins %lu %lu %lu %lu\n", spins[0], spins[1], spins[2], spins[3]);
  return finish();
}
