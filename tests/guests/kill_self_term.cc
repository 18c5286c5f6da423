// Crashes: the program sends itself SIGTERM, which it has blocked and then lets through, and has no handler for.
#include <signal.h>

#include "tests/guests/check.h"

int main() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  CHECK(sigprocmask(SIG_BLOCK, &set, nullptr) == 0);
  CHECK(kill(getpid(), SIGTERM) == 0);
  finish();
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
  return 1;
}
