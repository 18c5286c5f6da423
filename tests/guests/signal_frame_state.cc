// Entry: the frame of a handler holds all state: vector registers the handler uses come back, and what it changes in
// the frame, vector registers and MXCSR included, is in force afterwards.
#include <signal.h>
#include <ucontext.h>

#include "tests/guests/check.h"

static volatile int change = 0, handled = 0;
static void on_signal(int, siginfo_t*, void* context) {
  asm volatile("pxor %%xmm0, %%xmm0; pxor %%xmm7, %%xmm7; pxor %%xmm15, %%xmm15; fninit" ::: "xmm0", "xmm7", "xmm15");
  auto& machine = static_cast<ucontext_t*>(context)->uc_mcontext;
  CHECK(address(machine.fpregs) % 64 == 0);
  // The magic of the extended area, and the same at its end: unwinders and debuggers look for it.
  unsigned magic, bytes;
  memcpy(&magic, reinterpret_cast<char*>(machine.fpregs) + 464, 4);
  memcpy(&bytes, reinterpret_cast<char*>(machine.fpregs) + 468, 4);
  if (magic == 0x46505853) {
    memcpy(&magic, reinterpret_cast<char*>(machine.fpregs) + bytes - 4, 4);
    CHECK(magic == 0x46505845);
  }
  if (change) {
    machine.fpregs->_xmm[7].element[0] = 0x12345678;
    machine.fpregs->mxcsr ^= 0x6000;  // round towards zero
    machine.gregs[REG_R15] = 4711;
    machine.gregs[REG_EFL] |= 1;  // carry
  }
  handled = handled + 1;
}

int main() {
  struct sigaction action = {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO;
  CHECK(sigaction(SIGTRAP, &action, nullptr) == 0);
  const uint64_t in[2] = {uint64_t(address(&action)), 0x0123456789abcdef};
  for (int i = 0; i < 100; i++) {
    change = i % 2;
    uint64_t out0[2], out7[2], out15[2], r15 = 99;
    unsigned mxcsr, before;
    unsigned char carry;
    asm volatile(
        "stmxcsr %5; movups %7, %%xmm0; movups %7, %%xmm7; movups %7, %%xmm15; mov $99, %%r15d; clc\n\t"
        "int3\n\t"
        "setc %3; mov %%r15, %6; stmxcsr %4; ldmxcsr %5\n\t"
        "movups %%xmm0, %0; movups %%xmm7, %1; movups %%xmm15, %2"
        : "=m"(out0), "=m"(out7), "=m"(out15), "=m"(carry), "=m"(mxcsr), "=m"(before), "=m"(r15)
        : "m"(in)
        : "xmm0", "xmm7", "xmm15", "r15", "cc", "memory");
    CHECK(handled == i + 1);
    CHECK(memcmp(out0, in, 16) == 0 && memcmp(out15, in, 16) == 0 && out7[1] == in[1]);
    CHECK(carry == change && r15 == (change ? 4711u : 99u));
    CHECK(unsigned(out7[0]) == (change ? 0x12345678 : unsigned(in[0])));
    CHECK((mxcsr ^ before) == (change ? 0x6000u : 0u));
  }
  return finish();
}
