// Time: ppoll, pselect and epoll_pwait open the mask while they wait, and only then.
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include <thread>

#include "tests/guests/check.h"

static volatile int handled = 0;
static void on_signal(int) {
  handled = handled + 1;
}

int main() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  CHECK(sigaction(SIGUSR1, &action, nullptr) == 0);
  sigset_t blocked, open;
  sigemptyset(&open);
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  CHECK(pthread_sigmask(SIG_BLOCK, &blocked, nullptr) == 0);
  int ends[2], set = epoll_create1(0);
  CHECK(pipe(ends) == 0 && set >= 0);
  pollfd polled = {.fd = ends[0], .events = POLLIN, .revents = 0};
  epoll_event event;
  const timespec late = {.tv_sec = 60, .tv_nsec = 0}, soon = {.tv_sec = 0, .tv_nsec = 2'000'000};
  pthread_t waiting = pthread_self();
  for (int i = 0; i < 12; i++) {
    std::thread sender([&] {
      if (i % 2) sleep_ms(1);
      CHECK(pthread_kill(waiting, SIGUSR1) == 0);
    });
    CHECK(handled == i);
    if (i % 3 == 0) CHECK(ppoll(&polled, 1, &late, &open) == -1 && errno == EINTR);
    if (i % 3 == 1) CHECK(pselect(0, nullptr, nullptr, nullptr, &late, &open) == -1 && errno == EINTR);
    if (i % 3 == 2) CHECK(epoll_pwait(set, &event, 1, 60'000, &open) == -1 && errno == EINTR);
    CHECK(handled == i + 1);
    sender.join();
  }
  CHECK(kill(getpid(), SIGUSR1) == 0 && ppoll(&polled, 1, &soon, nullptr) == 0 && handled == 12);
  CHECK(write(ends[1], "x", 1) == 1);
  // Ready and pending at once: either the descriptor or the signal is told first.
  int result = ppoll(&polled, 1, &late, &open);
  printf("ready and pending: %d\n", result);
  CHECK((result == 1 && polled.revents == POLLIN) || (result == -1 && errno == EINTR && handled == 13));
  return finish();
}
