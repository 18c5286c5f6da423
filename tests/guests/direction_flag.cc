// Entry: the direction flag is set while calls are made that copy bytes; it is still set after them.
#include <sys/utsname.h>

#include "tests/guests/check.h"

// Makes the call with the direction flag set. Returns the flags found after it; the result goes to `result`.
extern "C" uint64_t backwards(long number, void* a, size_t b, long* result);
asm(R"(
  .text
  .globl backwards
  .type backwards, @function
backwards:
  mov %rcx, %r8
  mov %rdi, %rax
  mov %rsi, %rdi
  mov %rdx, %rsi
  xor %edx, %edx
  std
  syscall
  pushfq
  cld
  mov %rax, (%r8)
  pop %rax
  ret
  .size backwards, .-backwards
)");

int main() {
  constexpr uint64_t kDirectionFlag = 0x400;
  for (int i = 0; i < 200; i++) {
    char cwd[4096] = {}, expected[4096];
    utsname name = {};
    uint64_t random[8] = {};
    long result = 0;
    CHECK(backwards(SYS_getcwd, cwd, sizeof cwd, &result) & kDirectionFlag);
    CHECK(result > 1 && strcmp(cwd, getcwd(expected, sizeof expected)) == 0);
    CHECK(backwards(SYS_uname, &name, 0, &result) & kDirectionFlag);
    CHECK(result == 0 && strcmp(name.sysname, "Linux") == 0);
    CHECK(backwards(SYS_getrandom, random, sizeof random, &result) & kDirectionFlag);
    CHECK(result == sizeof random);
    if (i % 50 == 0) printf("random %016lx %016lx\n", random[0], random[7]);
  }
  return finish();
}
