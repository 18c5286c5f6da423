// Threads: made by the clone and clone3 calls without libc, with and without the flags libc uses.
#include <linux/sched.h>

#include "tests/guests/raw_clone.h"

constexpr size_t kStackBytes = 16384;
alignas(16) static char stacks[8][kStackBytes];
static int parent_tid, child_tid, done;

static void body(void* slot) {
  *static_cast<long*>(slot) = raw_syscall(SYS_gettid);
  __atomic_add_fetch(&done, 1, __ATOMIC_ACQ_REL);
}

static void wait_until_done(int count) {
  while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) < count) sched_yield();
}

// clone3 whose child runs `body` on the given stack: the child must not return through the caller's frame.
static long clone3_thread(long flags, char* stack, long* slot) {
  clone_args args = {};
  args.flags = uint64_t(flags);
  args.stack = uint64_t(address(stack));
  args.stack_size = kStackBytes;
  args.parent_tid = uint64_t(address(&parent_tid));
  args.child_tid = uint64_t(address(&child_tid));
  register long* argument asm("r12") = slot;
  register void (*function)(void*) asm("r13") = body;
  long result;
  asm volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "mov %%r12, %%rdi\n\t"
      "call *%%r13\n\t"
      "mov $60, %%eax\n\t"
      "xor %%edi, %%edi\n\t"
      "syscall\n"
      "1:"
      : "=a"(result)
      : "0"(SYS_clone3), "D"(&args), "S"(sizeof args), "r"(argument), "r"(function)
      : "rcx", "r11", "memory");
  return result;
}

int main() {
  static long slots[8];
  // The way libc does it, but for thread-local storage; then with no word to set or clear.
  long tid = raw_clone(kThreadFlags | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID, stacks[0] + kStackBytes, &parent_tid,
                       &child_tid, body, &slots[0]);
  CHECK(tid > 0 && parent_tid == tid);
  wait_until_done(1);
  CHECK(slots[0] == tid);
  tid = raw_clone(kThreadFlags, stacks[1] + kStackBytes, nullptr, nullptr, body, &slots[1]);
  CHECK(tid > 0);
  wait_until_done(2);
  CHECK(slots[1] == tid);
  tid = raw_clone(kThreadFlags | CLONE_CHILD_SETTID, stacks[2] + kStackBytes, nullptr, &child_tid, body, &slots[2]);
  CHECK(tid > 0);
  wait_until_done(3);
  CHECK(slots[2] == tid && child_tid == tid);
  // Flags that contradict each other are refused, and nothing runs.
  CHECK(raw_clone(CLONE_THREAD, stacks[3] + kStackBytes, nullptr, nullptr, body, &slots[3]) == -EINVAL);
  CHECK(raw_clone(CLONE_SIGHAND, stacks[3] + kStackBytes, nullptr, nullptr, body, &slots[3]) == -EINVAL);
  tid = clone3_thread(kThreadFlags | CLONE_PARENT_SETTID, stacks[4], &slots[4]);
  printf("clone3: %ld\n", tid);
  if (tid > 0) {
    wait_until_done(4);
    CHECK(slots[4] == tid && parent_tid == tid);
  } else {
    CHECK(tid == -ENOSYS);  // then a program falls back to clone
  }
  return finish();
}
