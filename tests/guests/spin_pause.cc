// Threads: one spins with pause for a flag another sets, in turn; no call and no event in the loop.
#include <atomic>
#include <thread>

#include "tests/guests/check.h"

int main() {
  std::atomic<int> turn = 0;
  uint64_t spins[2] = {};
  auto body = [&](int id) {
    for (int i = 0; i < 20; i++) {
      while (turn.load(std::memory_order_acquire) != id) {
        __builtin_ia32_pause();
        spins[id]++;
      }
      turn.store(1 - id, std::memory_order_release);
    }
  };
  std::thread other(body, 1);
  body(0);
  other.join();
  CHECK(turn == 0);
  printf("spins %lu %lu\n", spins[0], spins[1]);
  return finish();
}
