// Entry: the program writes syscall instructions itself and rewrites them in place, in writable and executable memory
// and in memory it flips between the two.
#include <sys/mman.h>

#include "tests/guests/check.h"

static void emit(unsigned char* code, int number) {
  const unsigned char bytes[] = {0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0xc3};  // mov $number, %eax; syscall; ret
  memcpy(code, bytes, sizeof bytes);
  memcpy(code + 1, &number, sizeof number);
}

static void run_rounds(int rest_protection) {
  auto* code = static_cast<unsigned char*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0));
  CHECK(code != MAP_FAILED);
  auto call = reinterpret_cast<long (*)()>(code);
  for (int i = 0; i < 100; i++) {
    CHECK(mprotect(code, 4096, rest_protection | PROT_WRITE) == 0);
    emit(code, i % 2 ? SYS_getpid : SYS_gettid);
    CHECK(mprotect(code, 4096, rest_protection) == 0);
    for (int call_number = 0; call_number < 5; call_number++) CHECK(call() == (i % 2 ? getpid() : gettid()));
    if (i % 10 != 9) continue;
    // Same address, new page: whatever was known of the old one is void.
    CHECK(munmap(code, 4096) == 0);
    CHECK(mmap(code, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON | MAP_FIXED, -1, 0) == code);
  }
  printf("code at %p\n", static_cast<void*>(code));
  CHECK(munmap(code, 4096) == 0);
}

int main() {
  run_rounds(PROT_READ | PROT_EXEC);
  run_rounds(PROT_READ | PROT_WRITE | PROT_EXEC);
  return finish();
}
