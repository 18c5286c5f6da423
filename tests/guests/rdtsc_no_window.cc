// Entry: instructions that no jump fits over, because a branch leads behind them: rdtsc and rdrand.
#include <cpuid.h>

#include "tests/guests/check.h"

// Both give 0 if asked not to draw.
extern "C" uint64_t tsc_if(uint64_t wanted);
extern "C" uint64_t random_if(uint64_t wanted);
asm(R"(
  .text
  .globl tsc_if, random_if
  .type tsc_if, @function
tsc_if:
  .cfi_startproc
  xor %eax, %eax
  xor %edx, %edx
  test %rdi, %rdi
  jz 1f
  rdtsc
1: shl $32, %rdx
  or %rdx, %rax
  ret
  .cfi_endproc
  .size tsc_if, . - tsc_if
  .type random_if, @function
random_if:
  .cfi_startproc
  xor %eax, %eax
  test %rdi, %rdi
  jz 2f
1: rdrand %rax
2: jnc 3f
  ret
3: test %rdi, %rdi
  jnz 1b
  ret
  .cfi_endproc
  .size random_if, . - random_if
)");

int main() {
  CHECK(tsc_if(0) == 0);
  uint64_t first = tsc_if(1), second = tsc_if(1);
  CHECK(first && second > first);
  printf("time stamps %lu %lu\n", first, second);
  unsigned a, b, c, d;
  CHECK(__get_cpuid(1, &a, &b, &c, &d));
  if (c & bit_RDRND) {
    CHECK(random_if(0) == 0);
    uint64_t one = random_if(1), other = random_if(1);
    CHECK(one != other);
    printf("numbers %016lx %016lx\n", one, other);
  }
  return finish();
}
