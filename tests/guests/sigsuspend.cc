// Time: sigsuspend opens the mask and waits in one step; the handler runs with the new mask, and the old one returns.
#include <signal.h>

#include <thread>

#include "tests/guests/check.h"

static volatile int handled = 0;
static bool blocked(int signal_number) {
  sigset_t now;
  CHECK(pthread_sigmask(SIG_BLOCK, nullptr, &now) == 0);
  return sigismember(&now, signal_number) == 1;
}

static void on_signal(int) {
  CHECK(blocked(SIGUSR1) && blocked(SIGTERM) && !blocked(SIGUSR2));  // itself, and what sigsuspend blocked
  handled = handled + 1;
}

int main() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  CHECK(sigaction(SIGUSR1, &action, nullptr) == 0);
  sigset_t before, waiting;
  sigemptyset(&before);
  sigaddset(&before, SIGUSR1);
  sigaddset(&before, SIGUSR2);
  sigemptyset(&waiting);
  sigaddset(&waiting, SIGTERM);
  CHECK(pthread_sigmask(SIG_SETMASK, &before, nullptr) == 0);
  pthread_t suspended = pthread_self();
  for (int i = 1; i <= 20; i++) {
    std::thread sender([&] {
      if (i % 2) sleep_ms(1);
      CHECK(pthread_kill(suspended, SIGUSR1) == 0);
    });
    if (i % 4 == 0) sender.join();  // then it is pending already
    CHECK(handled == i - 1);
    CHECK(sigsuspend(&waiting) == -1 && errno == EINTR);
    CHECK(handled == i && blocked(SIGUSR1) && blocked(SIGUSR2) && !blocked(SIGTERM));
    if (sender.joinable()) sender.join();
  }
  return finish();
}
