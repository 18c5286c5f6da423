// Kernel writes: a restartable-sequence area, which the kernel writes at every switch of CPUs, in a thread that libc
// does not know. A recorder refuses it.
#include <linux/rseq.h>

#include "tests/guests/raw_clone.h"

constexpr size_t kStackBytes = 16384;
alignas(16) static char stack[kStackBytes];
alignas(32) static struct rseq area;
static long result, repeated;
static int tid;

static void body(void*) {
  area.cpu_id = uint32_t(RSEQ_CPU_ID_UNINITIALIZED);
  result = raw_syscall(SYS_rseq, address(&area), sizeof area, 0, 0x53053053);
  raw_syscall(SYS_sched_yield);
  repeated = raw_syscall(SYS_rseq, address(&area), sizeof area, 0, 0x53053053);
  if (result == 0) raw_syscall(SYS_rseq, address(&area), sizeof area, RSEQ_FLAG_UNREGISTER, 0x53053053);
}

int main() {
  long flags = kThreadFlags | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID;
  CHECK(raw_clone(flags, stack + kStackBytes, &tid, &tid, body, nullptr) > 0);
  while (__atomic_load_n(&tid, __ATOMIC_ACQUIRE)) sched_yield();
  printf("rseq: %ld, again: %ld\n", result, repeated);
  CHECK(result == 0 || result == -ENOSYS || result == -EPERM || result == -EINVAL);
  CHECK(result != 0 || repeated == -EBUSY);
  return finish();
}
