// Time: sleeps that a signal interrupts return EINTR, and the time that was left; absolute ones leave it alone.
#include <signal.h>
#include <sys/time.h>

#include "tests/guests/check.h"

static volatile int alarms = 0;
static void on_alarm(int) {
  alarms = alarms + 1;
}

int main() {
  struct sigaction action = {};
  action.sa_handler = on_alarm;
  action.sa_flags = SA_RESTART;  // which sleeps do not heed
  CHECK(sigaction(SIGALRM, &action, nullptr) == 0);
  // It goes on firing, so an alarm that comes before the sleep costs nothing but a moment.
  itimerval every = {.it_interval = {0, 3000}, .it_value = {0, 3000}}, never = {};
  const timespec asked = {.tv_sec = 10, .tv_nsec = 5};
  for (int i = 0; i < 5; i++) {
    timespec left = {.tv_sec = -1, .tv_nsec = -1};
    CHECK(setitimer(ITIMER_REAL, &every, nullptr) == 0);
    CHECK(nanosleep(&asked, &left) == -1 && errno == EINTR);
    CHECK(left.tv_sec >= 0 && left.tv_sec <= 10 && left.tv_nsec >= 0 && left.tv_nsec < 1'000'000'000);
    printf("nanosleep: %ld.%09ld s left\n", left.tv_sec, left.tv_nsec);
    left = {.tv_sec = -1, .tv_nsec = -1};
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &asked, &left) == EINTR && left.tv_sec >= 0 && left.tv_sec <= 10);
    timespec until;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
    until.tv_sec += 10;
    left = {.tv_sec = -1, .tv_nsec = -1};
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, &left) == EINTR && left.tv_sec == -1);
    CHECK(setitimer(ITIMER_REAL, &never, nullptr) == 0);
  }
  CHECK(alarms >= 15);
  timespec little = {.tv_sec = 0, .tv_nsec = 1000}, wrong = {.tv_sec = 0, .tv_nsec = 1'000'000'000};
  CHECK(nanosleep(&little, nullptr) == 0);
  CHECK(nanosleep(&wrong, nullptr) == -1 && errno == EINVAL);
  printf("alarms %d\n", alarms);
  return finish();
}
