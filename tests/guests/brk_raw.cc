// Kernel writes: the program moves the end of its heap by itself; new bytes are zero, freed ones fault.
#include <setjmp.h>
#include <signal.h>

#include "tests/guests/check.h"

static sigjmp_buf back;
static long start;
static void on_segv(int) {
  siglongjmp(back, 1);
}

int main() {
  // Take the heap away from malloc: it goes on with mappings if the break moved under it.
  free(malloc(1000));
  start = raw_syscall(SYS_brk, 0);
  CHECK(start > 0 && sbrk(0) == reinterpret_cast<void*>(start));
  signal(SIGSEGV, on_segv);
  for (volatile int i = 0; i < 20;) {
    i = i + 1;
    long end = start + i * 40000L;
    CHECK(raw_syscall(SYS_brk, end) == end);
    auto* memory = reinterpret_cast<volatile char*>(start);
    for (long at = 0; at < end - start; at += 1000) CHECK(memory[at] == 0);
    memory[end - start - 1] = 'x';
    if (i % 5) {
      memory[end - start - 1] = 0;
      continue;
    }
    CHECK(raw_syscall(SYS_brk, start) == start);
    if (sigsetjmp(back, 1) == 0) {
      memory[end - start - 1] = 'y';
      CHECK(!"wrote behind the end of the heap");
    }
  }
  CHECK(raw_syscall(SYS_brk, 1) == start);  // refused: the answer is where it still is
  printf("heap ends at %lx\n", start);
  return finish();
}
