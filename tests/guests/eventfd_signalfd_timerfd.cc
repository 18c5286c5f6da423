// Kernel writes: descriptors for counts, signals and timers, read when ready and while blocked.
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include <thread>

#include "tests/guests/check.h"

static void try_eventfd() {
  int fd = eventfd(3, EFD_CLOEXEC | EFD_NONBLOCK), semaphore = eventfd(0, EFD_SEMAPHORE);
  uint64_t value = 4;
  CHECK(fd >= 0 && semaphore >= 0 && write(fd, &value, 8) == 8 && read(fd, &value, 8) == 8 && value == 7);
  CHECK(read(fd, &value, 8) == -1 && errno == EAGAIN);
  std::thread waiter([&] {
    uint64_t got = 0;
    for (int i = 0; i < 3; i++) CHECK(read(semaphore, &got, 8) == 8 && got == 1);
  });
  value = 3;
  CHECK(write(semaphore, &value, 8) == 8);
  waiter.join();
}

static void try_signalfd() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGRTMIN);
  CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
  int fd = signalfd(-1, &set, SFD_CLOEXEC);
  CHECK(fd >= 0 && kill(getpid(), SIGUSR1) == 0);
  CHECK(sigqueue(getpid(), SIGRTMIN, sigval{.sival_int = 77}) == 0);
  signalfd_siginfo info[4];
  CHECK(read(fd, info, sizeof info) == 2 * sizeof *info);
  CHECK(info[0].ssi_signo == SIGUSR1 && info[0].ssi_pid == uint32_t(getpid()));
  CHECK(info[1].ssi_signo == uint32_t(SIGRTMIN) && info[1].ssi_int == 77 && info[1].ssi_code == SI_QUEUE);
  std::thread waiter([&] { CHECK(read(fd, info, sizeof *info) == sizeof *info && info[0].ssi_signo == SIGUSR1); });
  sleep_ms(2);
  CHECK(kill(getpid(), SIGUSR1) == 0);
  waiter.join();
}

static void try_timerfd() {
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
  itimerspec setting = {.it_interval = {0, 1'000'000}, .it_value = {0, 2'000'000}}, left = {};
  CHECK(fd >= 0 && timerfd_settime(fd, 0, &setting, nullptr) == 0);
  uint64_t fired = 0, total = 0;
  while (total < 5) {
    CHECK(read(fd, &fired, 8) == 8 && fired >= 1);
    total += fired;
  }
  CHECK(timerfd_gettime(fd, &left) == 0 && left.it_interval.tv_nsec == 1'000'000);
  pollfd polled = {.fd = fd, .events = POLLIN, .revents = 0};
  CHECK(poll(&polled, 1, -1) == 1 && polled.revents == POLLIN);
  printf("fired %lu times, %ld ns to the next\n", total, left.it_value.tv_nsec);
}

int main() {
  try_eventfd();
  try_signalfd();
  try_timerfd();
  return finish();
}
