// Kernel writes: poll, select and epoll, ready at once, ready later and timing out.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include <thread>

#include "tests/guests/check.h"

static int ends[2];

static void try_poll(int timeout_ms, int expected) {
  pollfd polled[2] = {{.fd = ends[0], .events = POLLIN, .revents = -1}, {.fd = -1, .events = POLLIN, .revents = -1}};
  CHECK(poll(polled, 2, timeout_ms) == expected);
  CHECK(polled[0].revents == (expected ? POLLIN : 0) && polled[1].revents == 0);
}

static void try_select(int timeout_ms, int expected) {
  fd_set in;
  FD_ZERO(&in);
  FD_SET(ends[0], &in);
  timeval timeout = {.tv_sec = 0, .tv_usec = timeout_ms * 1000};
  CHECK(select(ends[0] + 1, &in, nullptr, nullptr, timeout_ms < 0 ? nullptr : &timeout) == expected);
  CHECK(bool(FD_ISSET(ends[0], &in)) == (expected == 1));
  if (timeout_ms >= 0) printf("left of %d ms: %ld us\n", timeout_ms, timeout.tv_usec);  // Linux writes it back
}

static void try_epoll(int timeout_ms, int expected) {
  int set = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event = {.events = EPOLLIN, .data = {.u64 = 0x1234567890}}, got[4] = {};
  CHECK(set >= 0 && epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event) == 0);
  CHECK(epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event) == -1 && errno == EEXIST);
  CHECK(epoll_wait(set, got, 4, timeout_ms) == expected);
  if (expected) CHECK(got[0].events == EPOLLIN && got[0].data.u64 == 0x1234567890);
  CHECK(close(set) == 0);
}

int main() {
  CHECK(pipe(ends) == 0);
  void (*ways[])(int, int) = {try_poll, try_select, try_epoll};
  for (auto way : ways) {
    way(0, 0);   // nothing there
    way(10, 0);  // nothing comes
    std::thread later([] {
      sleep_ms(5);
      CHECK(write(ends[1], "x", 1) == 1);
    });
    way(-1, 1);  // it comes meanwhile
    later.join();
    way(0, 1);  // still there
    char byte;
    CHECK(read(ends[0], &byte, 1) == 1);
  }
  return finish();
}
