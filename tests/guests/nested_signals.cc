// Threads: handlers interrupted by others and by themselves, masks that hold some back, and a handler reset once used.
#include <signal.h>

#include "tests/guests/check.h"

static volatile int depth = 0, deepest = 0, first = 0, second = 0;

static void recurse(int signal_number) {
  depth = depth + 1;
  if (depth > deepest) deepest = depth;
  if (depth < 10) raise(signal_number);
  depth = depth - 1;
}

static void on_first(int) {
  int before = second;
  raise(SIGUSR2);  // held back by our mask until we return
  CHECK(second == before);
  first = first + 1;
}

static void on_second(int) {
  second = second + 1;
  raise(SIGTERM);  // comes through at once
}

static void install(int signal_number, void (*handler)(int), int flags, int also_blocked = 0) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  if (also_blocked) sigaddset(&action.sa_mask, also_blocked);
  CHECK(sigaction(signal_number, &action, nullptr) == 0);
}

int main() {
  install(SIGHUP, recurse, SA_NODEFER);
  install(SIGUSR1, on_first, 0, SIGUSR2);
  install(SIGUSR2, on_second, 0);
  install(SIGTERM, recurse, SA_NODEFER);
  for (int i = 1; i <= 30; i++) {
    deepest = 0;
    CHECK(raise(SIGHUP) == 0 && deepest == 10 && depth == 0);
    deepest = 0;
    CHECK(raise(SIGUSR1) == 0 && first == i && second == i && deepest == 10);
  }
  install(SIGALRM, recurse, SA_RESETHAND | SA_NODEFER);
  depth = 9;  // so that it does not raise itself again
  CHECK(raise(SIGALRM) == 0);
  struct sigaction now;
  CHECK(sigaction(SIGALRM, nullptr, &now) == 0 && now.sa_handler == SIG_DFL);
  return finish();
}
