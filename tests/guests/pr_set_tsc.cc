// Entry: the program itself makes rdtsc trap with PR_SET_TSC, reads the setting back, and undoes it.
#include <setjmp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <x86intrin.h>

#include "tests/guests/check.h"

static sigjmp_buf back;
static void on_segv(int) {
  siglongjmp(back, 1);
}

static int setting() {
  int value = 0;
  CHECK(prctl(PR_GET_TSC, &value) == 0);
  return value;
}

int main() {
  signal(SIGSEGV, on_segv);
  CHECK(setting() == PR_TSC_ENABLE);
  uint64_t first = __rdtsc();
  if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV) == 0) {
    CHECK(setting() == PR_TSC_SIGSEGV);
    if (sigsetjmp(back, 1) == 0) {
      uint64_t value = __rdtsc();
      printf("rdtsc did not trap: %lu\n", value);
      return 1;
    }
    CHECK(prctl(PR_SET_TSC, PR_TSC_ENABLE) == 0 && setting() == PR_TSC_ENABLE);
  } else {
    printf("PR_SET_TSC refused: %d\n", errno);
  }
  uint64_t last = __rdtsc();
  CHECK(last > first);
  printf("tsc %lu, later %lu\n", first, last);
  return finish();
}
