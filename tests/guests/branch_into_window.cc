// Entry: branches land on the instruction right after a syscall, and on the syscall itself past the move that set its
// number: overwriting either with a jump would break them.
#include "tests/guests/check.h"

extern "C" long loop_behind_syscall(long rounds);
extern "C" long jump_onto_syscall();
extern "C" long enter_behind_syscall(long skip);
asm(R"(
  .text
  .globl loop_behind_syscall, jump_onto_syscall, enter_behind_syscall
  .type loop_behind_syscall, @function
  .type jump_onto_syscall, @function
  .type enter_behind_syscall, @function
loop_behind_syscall:          # one getpid, then `rounds` times through the compare: returns pid + rounds
  xor %edx, %edx
  mov $39, %eax
  syscall
1: cmp $-4096, %rax
  ja 2f
  inc %rdx
  dec %rdi
  jnz 1b
  add %rdx, %rax
2: ret

jump_onto_syscall:            # getpid, then gettid through the same syscall: returns pid + tid
  xor %edx, %edx
  xor %r8d, %r8d
  mov $39, %eax
1: syscall
  add %rax, %rdx
  cmp $39, %r8d
  mov $39, %r8d
  mov $186, %eax
  jne 1b
  mov %rdx, %rax
  ret

enter_behind_syscall:         # getppid, or 7 if `skip`, met by a branch from above
  mov $7, %eax
  test %rdi, %rdi
  jnz 1f
  mov $110, %eax
  syscall
1: mov %rax, %rdx
  lea 1(%rdx), %rax
  ret
)");

int main() {
  for (int i = 0; i < 300; i++) {
    CHECK(loop_behind_syscall(1000) == getpid() + 1000);
    CHECK(jump_onto_syscall() == getpid() + gettid());
    CHECK(enter_behind_syscall(1) == 8);
    CHECK(enter_behind_syscall(0) == getppid() + 1);
  }
  return finish();
}
