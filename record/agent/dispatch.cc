// How the program's calls are made to trap: user dispatch, or where the kernel lacks it a
// seccomp filter that lets calls of the blob and of the moved vDSO through and traps the rest. The filter
// stays for ever and survives exec, so that other programs cannot be run under it.
#include "record/agent/backend.h"

namespace ckpt::agent {

namespace {

constexpr u64 kSetUserDispatch = 59, kDispatchOn = 1, kSetNoNewPrivs = 38, kSetSeccomp = 22, kFilter = 2;

struct Instruction {  // struct sock_filter
  u16 code;
  u8 if_true, if_false;
  u32 value;
};

struct Program {  // struct sock_fprog
  u16 length;
  const Instruction* filter;
};

u32 filter_armed;

void set(Instruction& at, u16 code, u8 if_true, u8 if_false, u32 value) {
  at.code = code;
  at.if_true = if_true;
  at.if_false = if_false;
  at.value = value;
}

i64 install_filter() {
  constexpr u16 kLoad = 0x20, kJumpEqual = 0x15, kJumpAtLeast = 0x35, kReturn = 0x06;
  constexpr u32 kAllow = 0x7fff0000, kTrap = 0x00030000, kPcLow = 8, kPcHigh = 12;
  Instruction code[6];
  set(code[0], kLoad, 0, 0, kPcHigh);
  set(code[1], kJumpEqual, 0, 3, static_cast<u32>(zone() >> 32));
  set(code[2], kLoad, 0, 0, kPcLow);
  set(code[3], kJumpAtLeast, 1, 0, static_cast<u32>(zone()) + static_cast<u32>(abi::kOwnCodeBytes));
  set(code[4], kReturn, 0, 0, kAllow);
  set(code[5], kReturn, 0, 0, kTrap);
  Program program{6, code};
  raw_syscall(__NR_prctl, kSetNoNewPrivs, 1, 0, 0, 0);
  return raw_syscall(__NR_prctl, kSetSeccomp, kFilter, reinterpret_cast<u64>(&program));
}

}  // namespace

void arm_dispatch(Task*) {
  i64 result = 0;
  if (control().trap_mode == 0)
    result = raw_syscall(__NR_prctl, kSetUserDispatch, kDispatchOn, zone(), abi::kOwnCodeBytes, 0);
  else if (!filter_armed)  // later tasks inherit it
    result = install_filter();
  filter_armed = control().trap_mode;
  AGENT_ASSERT(result == 0, static_cast<u64>(result));
}

}  // namespace ckpt::agent
