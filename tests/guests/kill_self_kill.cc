// Crashes: the program sends itself SIGKILL: nothing runs after it, and the trace is valid to the last event.
#include <signal.h>

#include <thread>

#include "tests/guests/check.h"

int main() {
  std::thread spinning([] {
    for (volatile uint64_t i = 0;;) i = i + 1;
  });
  finish();
  kill(getpid(), SIGKILL);
  spinning.join();
}
