// A thread made by the clone call itself, without libc: it has no thread-local storage of its own, so the function it
// runs may only touch memory and use raw_syscall.
#pragma once

#include <sched.h>

#include "tests/guests/check.h"

constexpr long kThreadFlags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;

// Runs `function(argument)` in the child, then exits the thread. `stack_top` is 16-byte aligned. Returns the child's
// id or -errno.
extern "C" long raw_clone(long flags, void* stack_top, int* parent_tid, int* child_tid, void (*function)(void*),
                          void* argument);
asm(R"(
  .text
  .weak raw_clone
  .type raw_clone, @function
raw_clone:
  mov %r8, -16(%rsi)
  mov %r9, -8(%rsi)
  sub $16, %rsi
  mov %rcx, %r10
  xor %r8d, %r8d
  mov $56, %eax
  syscall
  test %rax, %rax
  jnz 1f
  xor %ebp, %ebp
  pop %rax
  pop %rdi
  call *%rax
  xor %edi, %edi
  mov $60, %eax
  syscall
  ud2
1: ret
  .size raw_clone, .-raw_clone
)");
