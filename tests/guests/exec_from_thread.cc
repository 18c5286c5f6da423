// Threads: one that is not the first executes a program: the others are gone, and it has the first one's id.
#include <atomic>
#include <thread>

#include "tests/guests/check.h"

int main(int argc, char** argv) {
  if (argc == 2) {
    CHECK(atoi(argv[1]) == getpid() && gettid() == getpid());
    return finish();
  }
  std::atomic<int> running = 0;
  std::thread spinning([&] {
    running++;
    for (;;) std::this_thread::yield();
  });
  std::thread blocked([&] {
    running++;
    for (;;) sleep(100);
  });
  std::thread executing([&] {
    while (running < 2) std::this_thread::yield();
    std::string pid = std::to_string(getpid());
    printf("thread %d of %s executes\n", gettid(), pid.c_str());
    fflush(stdout);
    char* arguments[] = {argv[0], pid.data(), nullptr};
    execv("/proc/self/exe", arguments);
    CHECK(!"exec failed");
  });
  executing.join();
}
