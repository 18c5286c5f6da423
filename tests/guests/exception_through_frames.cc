// Entry: exceptions pass through C frames of libc, and out of a signal handler through the frame of the call the
// signal arrived in.
#include <signal.h>

#include <stdexcept>

#include "tests/guests/check.h"

static int compare_and_throw(const void* left, const void*) {
  throw std::runtime_error(std::to_string(*static_cast<const int*>(left)));
}

static void handler_throws(int signal_number) {
  throw signal_number;
}

int main() {
  int numbers[] = {5, 4, 3, 2, 1};
  // Called through a pointer that may throw: raise itself is declared never to.
  int (*volatile raise_signal)(int) = raise;
  struct sigaction action = {};
  action.sa_handler = handler_throws;
  action.sa_flags = SA_NODEFER;
  CHECK(sigaction(SIGUSR1, &action, nullptr) == 0);
  int from_sort = 0, from_handler = 0;
  for (int i = 0; i < 50; i++) {
    try {
      qsort(numbers, 5, sizeof *numbers, compare_and_throw);
    } catch (const std::runtime_error& error) {
      from_sort += error.what()[0] != 0;
    }
    try {
      raise_signal(SIGUSR1);
    } catch (int signal_number) {
      from_handler += signal_number == SIGUSR1;
      // raise blocks the application's signals around its call, and the handler did not return to undo it.
      sigset_t none;
      sigemptyset(&none);
      CHECK(sigprocmask(SIG_SETMASK, &none, nullptr) == 0);
    }
    CHECK(raw_syscall(SYS_getpid) == getpid());
  }
  CHECK(from_sort == 50 && from_handler == 50);
  return finish();
}
