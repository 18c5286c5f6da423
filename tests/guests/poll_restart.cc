// Time: poll, select and epoll_wait are never restarted by a handler, whatever SA_RESTART says; an ignored signal does
// not end them.
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include <atomic>
#include <thread>

#include "tests/guests/check.h"

static volatile int handled = 0;
static void on_signal(int) {
  handled = handled + 1;
}

int main() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  CHECK(sigaction(SIGUSR1, &action, nullptr) == 0);
  CHECK(signal(SIGUSR2, SIG_IGN) != SIG_ERR);
  int ends[2], set = epoll_create1(0);
  CHECK(pipe(ends) == 0 && set >= 0);
  std::atomic<int> to_send = SIGUSR1, sent = 0;
  pthread_t blocked = pthread_self();
  std::thread sender([&] {
    while (to_send) {
      sleep_ms(1);
      int signal_number = to_send;
      if (signal_number) CHECK(pthread_kill(blocked, signal_number) == 0);
      sent = signal_number;
    }
  });
  pollfd polled = {.fd = ends[0], .events = POLLIN, .revents = 0};
  epoll_event event;
  fd_set in;
  for (int i = 0; i < 5; i++) {
    CHECK(poll(&polled, 1, -1) == -1 && errno == EINTR);
    CHECK(poll(&polled, 1, 60'000) == -1 && errno == EINTR);
    FD_ZERO(&in);
    FD_SET(ends[0], &in);
    timeval timeout = {.tv_sec = 60, .tv_usec = 0};
    CHECK(select(ends[0] + 1, &in, nullptr, nullptr, &timeout) == -1 && errno == EINTR);
    CHECK(epoll_wait(set, &event, 1, -1) == -1 && errno == EINTR);
    if (i == 0) printf("select: %ld.%06ld s left\n", timeout.tv_sec, timeout.tv_usec);
  }
  to_send = SIGUSR2;
  while (sent != SIGUSR2) sleep_ms(1);  // from here on no SIGUSR1 can come
  int before = handled;
  CHECK(poll(&polled, 1, 10) == 0);
  CHECK(epoll_wait(set, &event, 1, 10) == 0 && handled == before);
  to_send = 0;
  sender.join();
  printf("handled %d\n", handled);
  return finish();
}
