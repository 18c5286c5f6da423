// Crashes: the program single-steps itself with the trap flag, over a call too.
#include <signal.h>
#include <ucontext.h>

#include "tests/guests/check.h"

static volatile int steps = 0;
static uint64_t path = 0;
static void on_trap(int, siginfo_t* info, void* context) {
  CHECK(info->si_code == TRAP_TRACE);
  long at = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP];
  path = hash_bytes(&at, sizeof at, path);
  steps = steps + 1;
}

extern "C" long stepped();
asm(R"(
  .text
  .globl stepped
  .type stepped, @function
stepped:
  pushfq
  orl $0x100, (%rsp)
  popfq                   # the trap comes after each instruction that follows
  mov $1, %eax
  add $2, %eax
  nop
  mov %eax, %esi
  mov $39, %eax
  syscall
  pushfq
  andl $~0x100, (%rsp)
  popfq                   # stepped too: flags were set when it began
  mov %esi, %eax
  ret
)");

int main() {
  struct sigaction action = {};
  action.sa_flags = SA_SIGINFO;
  action.sa_sigaction = on_trap;
  CHECK(sigaction(SIGTRAP, &action, nullptr) == 0);
  for (int i = 1; i <= 20; i++) {
    CHECK(stepped() == 3);
    // After a syscall instruction the kernel may return past one more instruction before it traps.
    CHECK(steps >= 8 * i && steps <= 9 * i);
  }
  printf("steps %d, path %016lx\n", steps, path);
  return finish();
}
