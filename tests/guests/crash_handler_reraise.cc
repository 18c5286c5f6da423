// Crashes: the handler writes its report, puts the default back and returns: the same instruction kills the program.
#include <signal.h>
#include <ucontext.h>

#include "tests/guests/check.h"

static void on_segv(int signal_number, siginfo_t* info, void* context) {
  auto* state = static_cast<ucontext_t*>(context);
  printf("signal %d at %p, address %p\n", signal_number, reinterpret_cast<void*>(state->uc_mcontext.gregs[REG_RIP]),
         info->si_addr);
  CHECK(info->si_addr == reinterpret_cast<void*>(0x1230) && state->uc_mcontext.gregs[REG_RBX] == 0x4711);
  finish();
  signal(SIGSEGV, SIG_DFL);
}

int main() {
  struct sigaction action = {};
  action.sa_sigaction = on_segv;
  action.sa_flags = SA_SIGINFO;
  CHECK(sigaction(SIGSEGV, &action, nullptr) == 0);
  asm volatile("mov $0x4711, %%ebx; movl $1, 0x1230" ::: "rbx", "memory");
  return 1;
}
