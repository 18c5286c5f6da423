// Threads: signals to one thread, which handles them with its own mask, while it spins, calls and sleeps.
#include <signal.h>

#include <atomic>
#include <thread>

#include "tests/guests/check.h"

static thread_local int handled_here = 0;
static std::atomic<int> handled = 0;
static std::atomic<pid_t> last_tid = 0;
static void on_signal(int, siginfo_t* info, void*) {
  CHECK(info->si_code == SI_TKILL && info->si_pid == getpid());
  handled_here++;
  last_tid = gettid();
  handled++;
}

int main() {
  struct sigaction action = {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  CHECK(sigaction(SIGUSR1, &action, nullptr) == 0);
  std::atomic<bool> stop = false;
  std::atomic<int> started = 0, total = 0;
  pid_t tids[3];
  auto body = [&](int id, auto step) {
    tids[id] = gettid();
    started++;
    while (!stop) step();
    total += handled_here;
  };
  std::thread threads[3];
  threads[0] = std::thread(body, 0, [] {});
  threads[1] = std::thread(body, 1, [] { CHECK(raw_syscall(SYS_getpid) == getpid()); });
  threads[2] = std::thread(body, 2, [] { sleep_ms(1); });
  while (started < 3) sched_yield();
  for (int i = 0; i < 60; i++) {
    int target = i % 3;
    CHECK(pthread_kill(threads[target].native_handle(), SIGUSR1) == 0);
    while (handled == i) sched_yield();
    CHECK(last_tid == tids[target]);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  CHECK(total == 60 && handled_here == 0);
  CHECK(raw_syscall(SYS_tgkill, getpid(), 1, SIGUSR1) == -ESRCH);
  printf("threads %d %d %d\n", tids[0], tids[1], tids[2]);
  return finish();
}
