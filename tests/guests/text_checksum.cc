// Entry: the program sums its own code around the use of a syscall in it. A recorder may have patched it: the guest
// only says what it saw, which must be the same on replay.
#include "tests/guests/check.h"

extern "C" long summed_call();
extern "C" const char summed_end[];
asm(R"(
  .text
  .globl summed_call, summed_end
  .type summed_call, @function
summed_call:
  mov $39, %eax
  syscall
  cmp $-4096, %rax
  ja 1f
  nop
1: ret
summed_end:
)");

int main() {
  auto* code = reinterpret_cast<const char*>(summed_call);
  size_t bytes = size_t(summed_end - code);
  uint64_t before = hash_bytes(code, bytes), after = 0;
  for (int i = 0; i < 1000; i++) {
    CHECK(summed_call() == getpid());
    after = hash_bytes(code, bytes);
    if (i < 3) printf("use %d: %s\n", i, after == before ? "same" : "changed");
  }
  printf("%016lx, then %016lx\n", before, after);
  return finish();
}
