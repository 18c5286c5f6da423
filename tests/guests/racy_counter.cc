// Threads: a data race on purpose: four add to a plain counter, and what comes out depends on every switch.
#include <sched.h>

#include <thread>

#include "tests/guests/check.h"

static volatile int counter = 0;

int main() {
  constexpr int kThreads = 4, kRounds = 20000;
  std::thread threads[kThreads];
  for (int id = 0; id < kThreads; id++)
    threads[id] = std::thread([id] {
      for (int i = 0; i < kRounds; i++) {
        int value = counter;
        if (i % 1000 == id) sched_yield();  // between the load and the store
        counter = value + 1;
      }
    });
  for (std::thread& thread : threads) thread.join();
  int result = counter;
  CHECK(result > 0 && result <= kThreads * kRounds);
  printf("counter %d\n", result);
  return finish();
}
