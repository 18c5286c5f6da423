// Threads: one of several forks; in the child only it exists, and atfork handlers ran on both sides.
#include <pthread.h>
#include <sys/wait.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "tests/guests/check.h"

static int prepared = 0, in_parent = 0, in_child = 0;

int main() {
  CHECK(pthread_atfork([] { prepared++; }, [] { in_parent++; }, [] { in_child++; }) == 0);
  std::atomic<bool> stop = false;
  std::atomic<uint64_t> work = 0;
  std::thread busy([&] {
    while (!stop) {
      free(malloc(100));
      work++;
    }
  });
  std::thread forking([&] {
    for (int i = 1; i <= 5; i++) {
      pid_t child = fork();
      CHECK(child >= 0);
      if (child == 0) {
        CHECK(gettid() == getpid() && in_child == 1);
        uint64_t before = work;
        free(malloc(5000));  // the allocator's locks are free here
        sleep_ms(1);
        CHECK(work == before);  // nobody else is here
        std::thread([&] { work++; }).join();
        CHECK(work == before + 1);
        _exit(9);
      }
      int status = 0;
      CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 9);
      CHECK(prepared == i && in_parent == i && in_child == 0);
      printf("child %d\n", child);
    }
  });
  forking.join();
  stop = true;
  busy.join();
  printf("work %lu\n", work.load());
  return finish();
}
