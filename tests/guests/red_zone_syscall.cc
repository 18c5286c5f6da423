// Entry: a leaf function keeps 128 bytes in its red zone across a syscall; nothing may be written below its stack
// pointer. Two shapes of site: one followed by a compare, one by a move.
#include "tests/guests/check.h"

// Each returns how many of the 16 words of the red zone changed.
extern "C" int leaf_plain(uint64_t seed);
extern "C" int leaf_compared(uint64_t seed);

asm(R"(
  .macro LEAF name, after:vararg
  .globl \name
  .type \name, @function
\name:
  mov $-16, %rcx
1: lea (%rdi,%rcx), %rdx
  mov %rdx, (%rsp,%rcx,8)
  inc %rcx
  jnz 1b
  mov $39, %eax
  syscall
  \after
  xor %eax, %eax
  mov $-16, %rcx
2: lea (%rdi,%rcx), %rdx
  cmp %rdx, (%rsp,%rcx,8)
  je 3f
  inc %eax
3: inc %rcx
  jnz 2b
  ret
  .size \name, .-\name
  .endm
  .text
  LEAF leaf_plain, mov %rax, %rsi
  LEAF leaf_compared, cmp $-4096, %rax
)");

int main() {
  for (uint64_t i = 1; i <= 1000; i++) {
    CHECK(leaf_plain(i * 0x9e3779b97f4a7c15) == 0);
    CHECK(leaf_compared(i * 0x9e3779b97f4a7c15) == 0);
  }
  return finish();
}
