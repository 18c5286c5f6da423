// Threads: std::atomic wait and notify, which go to the futex call directly, past every wrapper of libc.
#include <atomic>
#include <barrier>
#include <latch>
#include <thread>

#include "tests/guests/check.h"

int main() {
  std::atomic<int> turn = 0;
  std::atomic<uint64_t> wide = 0;  // not the kernel's width: waits on a proxy
  auto body = [&](int id) {
    for (int i = 0; i < 100; i++) {
      for (int now; (now = turn) != 2 * i + id;) turn.wait(now);
      turn++;
      turn.notify_all();
    }
  };
  std::thread other(body, 1);
  body(0);
  other.join();
  CHECK(turn == 200);
  std::thread waiter([&] { wide.wait(0); });
  sleep_ms(1);
  wide = 1;
  wide.notify_one();
  waiter.join();

  constexpr int kThreads = 4;
  std::latch started(kThreads);
  int completions = 0;
  auto complete = [&]() noexcept { completions++; };
  std::barrier phase(kThreads, complete);
  std::atomic<uint64_t> order = 0;
  std::thread threads[kThreads];
  for (int id = 0; id < kThreads; id++)
    threads[id] = std::thread([&, id] {
      started.arrive_and_wait();
      for (int i = 0; i < 20; i++) {
        uint64_t seen = order;
        while (!order.compare_exchange_weak(seen, hash_bytes(&id, sizeof id, seen))) continue;
        phase.arrive_and_wait();
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(completions == 20);
  printf("order %016lx\n", order.load());
  return finish();
}
