// Time: a child stops and continues us while we sleep and poll: the calls go on with what is left, by restart_syscall.
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/guests/check.h"

static volatile int continued = 0;
static void on_continue(int) {
  continued = continued + 1;
}

// Starts a child that stops and continues us once, after `delay_ms`.
static pid_t start_stopper(unsigned delay_ms) {
  pid_t us = getpid(), child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    sleep_ms(delay_ms);
    CHECK(kill(us, SIGSTOP) == 0);
    sleep_ms(5);
    CHECK(kill(us, SIGCONT) == 0);
    _exit(0);
  }
  return child;
}

static void reap(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) == -1) CHECK(errno == EINTR);
  CHECK(status == 0);
}

int main() {
  int ends[2];
  CHECK(pipe(ends) == 0);
  pollfd polled = {.fd = ends[0], .events = POLLIN, .revents = 0};
  for (int i = 0; i < 3; i++) {
    uint64_t start = now_ns();
    pid_t child = start_stopper(5);
    CHECK(poll(&polled, 1, 30) == 0);
    CHECK(now_ns() - start >= 30'000'000);
    reap(child);
    start = now_ns();
    child = start_stopper(5);
    const timespec asked = {.tv_sec = 0, .tv_nsec = 30'000'000};
    CHECK(nanosleep(&asked, nullptr) == 0);
    CHECK(now_ns() - start >= 30'000'000);
    reap(child);
  }
  // With a handler for SIGCONT the calls end early.
  struct sigaction action = {};
  action.sa_handler = on_continue;
  CHECK(sigaction(SIGCONT, &action, nullptr) == 0);
  pid_t child = start_stopper(20);
  int result = poll(&polled, 1, 300);
  CHECK((result == -1 && errno == EINTR) || result == 0);
  reap(child);
  CHECK(continued == 1);
  return finish();
}
