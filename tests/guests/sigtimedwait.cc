// Time: signals fetched by waiting for them instead of handling them, with and without a deadline.
#include <signal.h>

#include <thread>

#include "tests/guests/check.h"

int main() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGRTMIN + 2);
  CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
  siginfo_t info = {};
  timespec soon = {.tv_sec = 0, .tv_nsec = 2'000'000}, late = {.tv_sec = 60, .tv_nsec = 0}, now = {};
  CHECK(sigtimedwait(&set, &info, &soon) == -1 && errno == EAGAIN);
  CHECK(sigtimedwait(&set, nullptr, &now) == -1 && errno == EAGAIN);
  pthread_t waiting = pthread_self();
  for (int i = 0; i < 10; i++) {
    std::thread sender([&] {
      if (i % 2) sleep_ms(1);
      CHECK(pthread_sigqueue(waiting, SIGRTMIN + 2, sigval{.sival_int = i}) == 0);
    });
    memset(&info, 0, sizeof info);
    CHECK(sigtimedwait(&set, &info, &late) == SIGRTMIN + 2);
    CHECK(info.si_value.sival_int == i && info.si_code == SI_QUEUE && info.si_pid == getpid());
    sender.join();
  }
  // Lower numbers first, each real-time signal as often as it was sent.
  for (int i = 0; i < 2; i++) CHECK(sigqueue(getpid(), SIGRTMIN + 2, sigval{.sival_int = i}) == 0);
  for (int i = 0; i < 2; i++) CHECK(kill(getpid(), SIGUSR1) == 0);
  int got = 0;
  CHECK(sigwait(&set, &got) == 0 && got == SIGUSR1);
  for (int i = 0; i < 2; i++) CHECK(sigwaitinfo(&set, &info) == SIGRTMIN + 2 && info.si_value.sival_int == i);
  CHECK(sigtimedwait(&set, &info, &now) == -1 && errno == EAGAIN);
  return finish();
}
