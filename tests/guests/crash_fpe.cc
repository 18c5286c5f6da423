// Crashes: an integer division by zero, without a handler, in a thread that is not the first.
#include <thread>

#include "tests/guests/check.h"

int main() {
  finish();
  std::thread([] {
    asm volatile("xor %%ecx, %%ecx; mov $1, %%eax; cdq; idiv %%ecx" ::: "eax", "ecx", "edx", "cc");
  }).join();
  return 1;
}
