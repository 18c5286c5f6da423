// Threads: signals to the process while all threads are blocked in reads: some thread that lets it takes it.
#include <signal.h>

#include <atomic>
#include <thread>

#include "tests/guests/check.h"

static std::atomic<int> handled = 0;
static std::atomic<pid_t> last_tid = 0;
static void on_signal(int) {
  last_tid = gettid();
  handled++;
}

int main() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  CHECK(sigaction(SIGUSR1, &action, nullptr) == 0);
  int ends[2];
  CHECK(pipe(ends) == 0);
  std::thread readers[3];
  for (std::thread& reader : readers)
    reader = std::thread([&] {
      char byte = 0;
      CHECK(read(ends[0], &byte, 1) == 1 && byte == 'x');
    });
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);  // so one of the readers has to take it
  for (int i = 0; i < 20; i++) {
    CHECK(kill(getpid(), SIGUSR1) == 0);
    while (handled == i) sched_yield();
    CHECK(last_tid != gettid());
    if (i % 5 == 0) printf("taken by %d\n", last_tid.load());
  }
  CHECK(write(ends[1], "xxx", 3) == 3);
  for (std::thread& reader : readers) reader.join();
  return finish();
}
