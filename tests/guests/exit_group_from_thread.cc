// Threads: one that is not the first ends the program, while others are blocked, spinning and in a call; its exit
// handlers run.
#include <atomic>
#include <thread>

#include "tests/guests/check.h"

static std::atomic<int> running = 0;

int main() {
  atexit([] { finish(); });
  int ends[2];
  CHECK(pipe(ends) == 0);
  std::thread blocked([&] {
    running++;
    char byte;
    (void)!read(ends[0], &byte, 1);
  });
  std::thread spinning([] {
    running++;
    for (volatile uint64_t i = 0;;) i = i + 1;
  });
  std::thread yielding([] {
    running++;
    for (;;) std::this_thread::yield();
  });
  std::thread ending([] {
    while (running < 3) std::this_thread::yield();
    printf("ended by %d\n", gettid());
    exit(0);
  });
  ending.join();
  CHECK(!"lived on");
}
