// Entry: rdtsc where no unwind entry or symbol says that code is: on a page of its own, and beside a known function.
#include "tests/guests/check.h"

extern "C" uint64_t tsc_on_its_own_page();
asm(R"(
  .text
  .p2align 12
tsc_on_its_own_page:
  rdtsc
  shl $32, %rdx
  or %rdx, %rax
  ret
  .p2align 12
)");

int main() {
  uint64_t last = 0;
  for (int i = 0; i < 1000; i++) {
    uint64_t now = tsc_on_its_own_page();
    CHECK(now > last);
    last = now;
    timespec time;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &time) == 0);
  }
  printf("last %lu\n", last);
  return finish();
}
