// Kernel writes: at a thread's exit the kernel clears a word and wakes its futex. Joiners poll the word, or wait on it.
#include <linux/futex.h>

#include "tests/guests/raw_clone.h"

constexpr int kThreads = 20;
constexpr size_t kStackBytes = 16384;
alignas(16) static char stacks[kThreads][kStackBytes];
static int tids[kThreads], ran[kThreads];

static void body(void* argument) {
  *static_cast<int*>(argument) = int(raw_syscall(SYS_gettid));
  raw_syscall(SYS_sched_yield);
}

static void join(int i) {
  switch (i % 3) {
    case 0:  // polls with pause
      while (__atomic_load_n(&tids[i], __ATOMIC_ACQUIRE)) __builtin_ia32_pause();
      return;
    case 1:  // polls with calls
      while (__atomic_load_n(&tids[i], __ATOMIC_ACQUIRE)) sched_yield();
      return;
    case 2:  // the way pthread_join does; the wake is not a private one
      while (int tid = __atomic_load_n(&tids[i], __ATOMIC_ACQUIRE))
        raw_syscall(SYS_futex, address(&tids[i]), FUTEX_WAIT, tid, 0);
      return;
  }
}

int main() {
  long flags = kThreadFlags | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID;
  for (int i = 0; i < kThreads; i++) {
    // The word is set by the kernel before the child runs and cleared when it is gone.
    long tid = raw_clone(flags, stacks[i] + kStackBytes, &tids[i], &tids[i], body, &ran[i]);
    CHECK(tid > 0);
    if (i % 2) join(i);
    printf("thread %ld\n", tid);
  }
  for (int i = 0; i < kThreads; i++) {
    join(i);
    CHECK(ran[i] > 0);
  }
  return finish();
}
