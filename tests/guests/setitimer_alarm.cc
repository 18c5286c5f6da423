// Time: interval timers of real, virtual and profiling time, and alarm, interrupting loops without calls.
#include <signal.h>
#include <sys/time.h>

#include "tests/guests/check.h"

static volatile int fired[65];
static void on_timer(int signal_number) {
  fired[signal_number] = fired[signal_number] + 1;
}

static void run_until(int which, int signal_number) {
  struct sigaction action = {};
  action.sa_handler = on_timer;
  CHECK(sigaction(signal_number, &action, nullptr) == 0);
  itimerval every = {.it_interval = {0, 2000}, .it_value = {0, 1000}}, now, never = {}, old;
  CHECK(setitimer(which, &every, nullptr) == 0);
  volatile uint64_t spins = 0;
  while (fired[signal_number] < 3) spins = spins + 1;
  CHECK(getitimer(which, &now) == 0 && now.it_interval.tv_usec == every.it_interval.tv_usec);
  CHECK(setitimer(which, &never, &old) == 0 && getitimer(which, &now) == 0 && now.it_value.tv_usec == 0);
  printf("signal %d after %lu spins, %ld us to the next\n", signal_number, spins, old.it_value.tv_usec);
}

int main() {
  run_until(ITIMER_REAL, SIGALRM);
  run_until(ITIMER_VIRTUAL, SIGVTALRM);
  run_until(ITIMER_PROF, SIGPROF);
  CHECK(alarm(1000) == 0);
  unsigned left = alarm(0);
  CHECK(left > 0 && left <= 1000);
  int before = fired[SIGALRM];
  CHECK(ualarm(1000, 1000) == 0);  // repeats: one before the pause costs nothing
  CHECK(pause() == -1 && errno == EINTR && fired[SIGALRM] > before);
  CHECK(ualarm(0, 0) <= 1000);
  return finish();
}
