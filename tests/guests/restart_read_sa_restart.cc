// Time: a blocked read whose handler has SA_RESTART goes on after it, as if nothing had been.
#include <signal.h>

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
  int ends[2];
  CHECK(pipe(ends) == 0);
  pthread_t reader = pthread_self();
  for (int round = 1; round <= 10; round++) {
    std::thread helper([&] {
      for (int i = 1; i <= 3; i++) {
        sleep_ms(1);
        int before = handled;
        CHECK(pthread_kill(reader, SIGUSR1) == 0);
        while (handled == before) sched_yield();
      }
      CHECK(write(ends[1], "data", 4) == 4);
    });
    char got[8] = {};
    CHECK(read(ends[0], got, sizeof got) == 4 && strcmp(got, "data") == 0);
    helper.join();
    CHECK(handled == 3 * round);
  }
  return finish();
}
