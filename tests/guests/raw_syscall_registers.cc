// Entry: after a syscall rcx holds the return address and r11 the flags; every other register and the flags are as
// before.
#include "tests/guests/check.h"

struct Registers {
  uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15, flags;
};
extern "C" void probe(const Registers* in, Registers* out);
extern "C" const char probe_return[];
asm(R"(
  .text
  .globl probe, probe_return
  .type probe, @function
probe:
  .irp r, rbx, rbp, r12, r13, r14, r15
  push %\r
  .endr
  push %rsi
  mov %rdi, %rax
  mov 8(%rax), %rbx
  mov 24(%rax), %rdx
  mov 32(%rax), %rsi
  mov 40(%rax), %rdi
  mov 48(%rax), %rbp
  mov 56(%rax), %r8
  mov 64(%rax), %r9
  mov 72(%rax), %r10
  mov 88(%rax), %r12
  mov 96(%rax), %r13
  mov 104(%rax), %r14
  mov 112(%rax), %r15
  pushq 120(%rax)
  popfq
  mov 0(%rax), %rax
  syscall
probe_return:
  push %rax
  mov 8(%rsp), %rax
  pushfq
  popq 120(%rax)
  cld
  mov %rbx, 8(%rax)
  mov %rcx, 16(%rax)
  mov %rdx, 24(%rax)
  mov %rsi, 32(%rax)
  mov %rdi, 40(%rax)
  mov %rbp, 48(%rax)
  mov %r8, 56(%rax)
  mov %r9, 64(%rax)
  mov %r10, 72(%rax)
  mov %r11, 80(%rax)
  mov %r12, 88(%rax)
  mov %r13, 96(%rax)
  mov %r14, 104(%rax)
  mov %r15, 112(%rax)
  popq 0(%rax)
  pop %rsi
  .irp r, r15, r14, r13, r12, rbp, rbx
  pop %\r
  .endr
  ret
  .size probe, .-probe
)");

static void try_call(long number, uint64_t fd, long expected, uint64_t flags) {
  Registers in, out = {};
  CHECK(getrandom(&in, sizeof in, 0) == ssize_t(sizeof in));
  in.rax = uint64_t(number);
  in.rdi = fd;
  in.flags = flags;
  probe(&in, &out);
  CHECK(long(out.rax) == expected);
  CHECK(out.rcx == uint64_t(probe_return));
  CHECK(out.flags == flags && out.r11 == flags);
  in.rax = out.rax, in.rcx = out.rcx, in.r11 = out.r11;
  CHECK(memcmp(&in, &out, sizeof in) == 0);
}

int main() {
  // 0x202 is what user code always has; then all of carry, parity, adjust, zero, sign, overflow, direction.
  for (uint64_t flags : {0x202, 0x203, 0x246, 0xad7, 0xed7, 0x602})
    for (int i = 0; i < 50; i++) {
      try_call(SYS_getpid, 0, getpid(), flags);
      try_call(SYS_gettid, 0, gettid(), flags);
      try_call(SYS_close, uint64_t(-1), -EBADF, flags);
      try_call(9999, 0, -ENOSYS, flags);
    }
  return finish();
}
