// Entry: the program changes the protection of its own code, and the code, around a syscall that may be patched.
#include <sys/mman.h>

#include "tests/guests/check.h"

// Two pages of code: the call's number is a byte the program rewrites.
extern "C" long paged_call();
extern "C" unsigned char paged_number[];
asm(R"(
  .text
  .balign 4096
  .globl paged_call, paged_number
  .type paged_call, @function
paged_call:
  .byte 0xb8            # mov $39, %eax, whose number is four bytes of its own
paged_number:
  .long 39
  syscall
  cmp $-4096, %rax
  ja 1f
  ret
1: xor %eax, %eax
  ret
  .balign 4096
)");

static void protect(int protection) {
  CHECK(mprotect(reinterpret_cast<void*>(paged_call), 4096, protection) == 0);
}

int main() {
  volatile unsigned char* number = paged_number;
  for (int i = 0; i < 50; i++) {
    CHECK(paged_call() == getpid());
    protect(PROT_READ | PROT_WRITE);
    CHECK(*number == SYS_getpid);
    protect(PROT_READ | PROT_EXEC);
    CHECK(paged_call() == getpid());
    protect(PROT_NONE);
    protect(PROT_READ | PROT_WRITE | PROT_EXEC);
    *number = SYS_getppid;
    CHECK(paged_call() == getppid());
    *number = SYS_getpid;
    protect(PROT_EXEC | PROT_READ);
  }
  printf("code at %p\n", reinterpret_cast<void*>(paged_call));
  return finish();
}
