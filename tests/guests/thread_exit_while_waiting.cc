// Threads: some exit while others are blocked on a mutex, a condition, a pipe and a join, and do not take them along.
#include <condition_variable>
#include <mutex>
#include <thread>

#include "tests/guests/check.h"

int main() {
  for (int round = 0; round < 10; round++) {
    std::mutex mutex, state;
    std::condition_variable condition;
    bool go = false;
    int ends[2];
    CHECK(pipe(ends) == 0);
    mutex.lock();
    std::thread on_mutex([&] { std::lock_guard lock(mutex); });
    std::thread on_condition([&] {
      std::unique_lock lock(state);
      condition.wait(lock, [&] { return go; });
    });
    std::thread on_pipe([&] {
      char byte;
      CHECK(read(ends[0], &byte, 1) == 1);
    });
    std::thread on_join([&] { on_pipe.join(); });
    for (int i = 0; i < 10; i++) std::thread([&] { sched_yield(); }).join();
    std::thread detached([] {});
    detached.detach();
    mutex.unlock();
    on_mutex.join();
    {
      std::lock_guard lock(state);
      go = true;
    }
    condition.notify_one();
    on_condition.join();
    CHECK(write(ends[1], "x", 1) == 1);
    on_join.join();
    CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
  }
  return finish();
}
