// Entry: the program uses the GS base itself. It may be refused; if it is not, the base must stay through calls and
// threads.
#include <asm/prctl.h>

#include <thread>

#include "tests/guests/check.h"

static void use_gs(uint64_t tag) {
  uint64_t area[4] = {tag, tag + 1, tag + 2, tag + 3};
  long result = raw_syscall(SYS_arch_prctl, ARCH_SET_GS, address(area));
  printf("ARCH_SET_GS: %ld\n", result);
  if (result != 0) {
    CHECK(result == -EPERM || result == -ENOSYS || result == -EINVAL);
    return;
  }
  for (int i = 0; i < 100; i++) {
    uint64_t first, base = 0;
    asm volatile("movq %%gs:8, %0" : "=r"(first));
    CHECK(first == tag + 1);
    CHECK(raw_syscall(SYS_arch_prctl, ARCH_GET_GS, address(&base)) == 0 && base == uint64_t(address(area)));
    CHECK(raw_syscall(SYS_sched_yield) == 0);
  }
}

int main() {
  uint64_t base = 0;
  long result = raw_syscall(SYS_arch_prctl, ARCH_GET_GS, address(&base));
  printf("ARCH_GET_GS at start: %ld\n", result);
  std::thread other(use_gs, 100), another(use_gs, 200);
  use_gs(300);
  other.join();
  another.join();
  CHECK(raw_syscall(SYS_arch_prctl, ARCH_GET_FS, address(&base)) == 0 && base != 0);
  printf("fs base %lx\n", base);
  return finish();
}
