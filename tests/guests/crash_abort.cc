// Crashes: abort, whose SIGABRT gets past a handler that returns.
#include <signal.h>

#include "tests/guests/check.h"

static void on_abort(int) {
  puts("ok");
  fflush(stdout);
}

int main() {
  signal(SIGABRT, on_abort);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGABRT);
  CHECK(sigprocmask(SIG_BLOCK, &set, nullptr) == 0);  // abort unblocks it
  finish();
  abort();
}
