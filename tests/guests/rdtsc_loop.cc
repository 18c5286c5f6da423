// Entry: rdtsc inline, in several shapes of code around it, many times.
#include <x86intrin.h>

#include "tests/guests/check.h"

extern "C" uint64_t tsc_low_only();
extern "C" uint64_t tsc_fenced();
asm(R"(
  .text
  .globl tsc_low_only, tsc_fenced
  .type tsc_low_only, @function
  .type tsc_fenced, @function
tsc_low_only:
  rdtsc
  ret
tsc_fenced:
  lfence
  rdtsc
  lfence
  shl $32, %rdx
  or %rdx, %rax
  ret
)");

int main() {
  uint64_t last = tsc_fenced(), hash = 0;
  for (int i = 0; i < 20000; i++) {
    _mm_lfence();
    uint64_t inlined = __rdtsc();
    CHECK(inlined >= last);
    uint64_t fenced = tsc_fenced();
    CHECK(fenced >= inlined);
    last = fenced;
    hash = hash_bytes(&fenced, sizeof fenced, hash);
    CHECK(tsc_low_only() >> 32 == 0);  // rdtsc clears the upper half of rax
  }
  printf("last %lu, all %016lx\n", last, hash);
  return finish();
}
