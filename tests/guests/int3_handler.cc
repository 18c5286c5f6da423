// Crashes: breakpoints and undefined instructions the program handles itself, changing registers in the frame.
#include <signal.h>
#include <ucontext.h>

#include "tests/guests/check.h"

static volatile int traps = 0, skipped = 0;

static void on_trap(int, siginfo_t* info, void* context) {
  auto* registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  auto* code = reinterpret_cast<const unsigned char*>(registers[REG_RIP]);
  CHECK(info->si_signo == SIGTRAP && code[-1] == 0xcc);  // reported behind the instruction
  traps = traps + 1;
}

static void on_ill(int, siginfo_t* info, void* context) {
  auto* registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  CHECK(info->si_addr == reinterpret_cast<void*>(registers[REG_RIP]));
  registers[REG_RIP] += 2;  // past the ud2
  registers[REG_RAX] = 4711;
  skipped = skipped + 1;
}

int main() {
  struct sigaction action = {};
  action.sa_flags = SA_SIGINFO;
  action.sa_sigaction = on_trap;
  CHECK(sigaction(SIGTRAP, &action, nullptr) == 0);
  action.sa_sigaction = on_ill;
  CHECK(sigaction(SIGILL, &action, nullptr) == 0);
  for (int i = 1; i <= 50; i++) {
    asm volatile("int3");
    CHECK(traps == i);
    long result = 0;
    asm volatile("ud2" : "+a"(result));
    CHECK(result == 4711 && skipped == i);
  }
  return finish();
}
