// Entry: every vector register, the x87 stack and MXCSR are live across syscalls; the kernel keeps them all.
#include "tests/guests/check.h"

// Loads all vector registers from `in`, makes the call, stores them to `out`.
using Round = void(const unsigned char* in, unsigned char* out, long number);
extern "C" Round round_xmm, round_ymm, round_zmm;

asm(R"(
  .macro ROUND name, move, kind, bytes, numbers:vararg
  .globl \name
  .type \name, @function
\name:
  mov %rdx, %rax
  mov %rdi, %r8
  mov %rsi, %r9
  xor %edi, %edi
  xor %esi, %esi
  xor %edx, %edx
  .irp i, \numbers
  \move \i*\bytes(%r8), %\kind\i
  .endr
  syscall
  .irp i, \numbers
  \move %\kind\i, \i*\bytes(%r9)
  .endr
  ret
  .size \name, .-\name
  .endm
  .text
  ROUND round_xmm, movups, xmm, 16, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
  ROUND round_ymm, vmovups, ymm, 32, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
  ROUND round_zmm, vmovups, zmm, 64, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15)"
    R"(,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
)");

static void try_rounds(const char* name, Round* round, size_t bytes) {
  static unsigned char in[2048], out[2048];
  const long numbers[] = {SYS_getpid, SYS_gettid, SYS_sched_yield, SYS_getuid, SYS_time, SYS_alarm, 9999};
  CHECK(getrandom(in, sizeof in, 0) == ssize_t(sizeof in));
  for (int i = 0; i < 200; i++)
    for (long number : numbers) {
      memset(out, 0, sizeof out);
      round(in, out, number);
      CHECK(memcmp(in, out, bytes) == 0);
    }
  printf("%s %016lx\n", name, hash_bytes(in, bytes));
}

int main() {
  unsigned control = 0x7f80, after = 0;  // all exceptions masked, rounding towards zero, flush to zero off
  unsigned short x87_control = 0x0e7f, x87_after = 0;
  asm volatile("ldmxcsr %0; fldcw %1" ::"m"(control), "m"(x87_control));
  double pi = 0;
  asm volatile("fldpi");
  CHECK(raw_syscall(SYS_getpid) > 0);
  asm volatile("fstpl %0" : "=m"(pi));
  asm volatile("stmxcsr %0; fnstcw %1" : "=m"(after), "=m"(x87_after));
  CHECK(pi > 3.14159 && pi < 3.1416);
  CHECK(after == control && x87_after == x87_control);
  control = 0x1f80, x87_control = 0x037f;
  asm volatile("ldmxcsr %0; fldcw %1" ::"m"(control), "m"(x87_control));

  try_rounds("xmm", round_xmm, 16 * 16);
  if (__builtin_cpu_supports("avx")) try_rounds("ymm", round_ymm, 16 * 32);
  if (__builtin_cpu_supports("avx512f")) try_rounds("zmm", round_zmm, 32 * 64);
  return finish();
}
