// Time: POSIX timers that send signals with a value, or start a function in a thread.
#include <signal.h>

#include <atomic>

#include "tests/guests/check.h"

static volatile int fired = 0, last_value = 0, last_code = 0, overruns = 0;
static timer_t timer;
static void on_timer(int, siginfo_t* info, void*) {
  last_value = info->si_value.sival_int;
  last_code = info->si_code;
  overruns = overruns + timer_getoverrun(timer);
  fired = fired + 1;
}

static std::atomic<int> in_thread = 0;
static void run_in_thread(union sigval value) {
  in_thread += value.sival_int;
}

int main() {
  struct sigaction action = {};
  action.sa_sigaction = on_timer;
  action.sa_flags = SA_SIGINFO;
  CHECK(sigaction(SIGRTMIN, &action, nullptr) == 0);
  sigevent event = {};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGRTMIN;
  event.sigev_value.sival_int = 99;
  CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  itimerspec every = {.it_interval = {0, 1'000'000}, .it_value = {0, 1}}, left;
  CHECK(timer_settime(timer, 0, &every, nullptr) == 0);
  volatile uint64_t spins = 0;
  while (fired < 5) spins = spins + 1;  // no call in this loop
  CHECK(last_value == 99 && last_code == SI_TIMER);
  CHECK(timer_gettime(timer, &left) == 0 && left.it_interval.tv_nsec == 1'000'000);
  CHECK(timer_delete(timer) == 0);
  printf("spins %lu, overruns %d, left %ld ns\n", spins, overruns, left.it_value.tv_nsec);

  event = {};
  event.sigev_notify = SIGEV_THREAD;
  event.sigev_notify_function = run_in_thread;
  event.sigev_value.sival_int = 7;
  CHECK(timer_create(CLOCK_REALTIME, &event, &timer) == 0);
  itimerspec once = {.it_interval = {}, .it_value = {0, 1'000'000}};
  CHECK(timer_settime(timer, 0, &once, nullptr) == 0);
  while (in_thread == 0) sleep_ms(1);
  CHECK(in_thread == 7 && timer_delete(timer) == 0);
  return finish();
}
