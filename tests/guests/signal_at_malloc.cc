// Threads: a timer's signals reach a loop that makes no call but malloc and free; their frames stay on the stack.
#include <signal.h>
#include <sys/time.h>

#include "tests/guests/check.h"

static volatile sig_atomic_t alarms = 0;

static void on_alarm(int) { alarms = alarms + 1; }

int main() {
  struct sigaction action = {};
  action.sa_handler = on_alarm;
  action.sa_flags = SA_RESTART;
  CHECK(sigaction(SIGALRM, &action, nullptr) == 0);
  itimerval every = {{0, 1000}, {0, 1000}};
  CHECK(setitimer(ITIMER_REAL, &every, nullptr) == 0);
  uint64_t turns = 0, hash = 0;
  while (alarms < 30) {
    auto* memory = static_cast<unsigned char*>(malloc(16 + turns % 500));
    memory[0] = static_cast<unsigned char>(turns++);
    hash = hash * 31 + memory[0] + static_cast<uint64_t>(alarms);
    free(memory);
  }
  every = {};
  CHECK(setitimer(ITIMER_REAL, &every, nullptr) == 0);
  printf("%lu turns, %016lx\n", turns, hash);
  return finish();
}
