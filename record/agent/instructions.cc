// What an intercepted instruction leaves in the registers: the same in recording and replay.
#include "record/agent/task.h"

namespace ckpt::agent {

namespace {

constexpr u64 kCarry = 1, kArithmeticFlags = 0x8d5;

void set_register(Frame* f, u32 operand, u64 value) {
  u64* target = frame_register(f, operand & 15);
  switch (operand >> 8) {
    case 2: *target = (*target & ~0xffffull) | (value & 0xffff); break;
    case 4: *target = value & 0xffffffff; break;
    default: *target = value;
  }
}

}  // namespace

// Puts what the instruction gave into the registers. Replay does the same with logged values.
void apply_instruction(Task* task, Entry kind, u32 operand, u64 value, u64 second) {
  Frame* f = task->frame;
  switch (kind) {
    case Entry::rdtscp:
      f->rcx = second;
      [[fallthrough]];
    case Entry::rdtsc:
      f->rax = value & 0xffffffff;
      f->rdx = value >> 32;
      return;
    case Entry::random:
      f->rax = value & 0xffffffff;
      return;
    case Entry::cpuid:
      f->rax = value & 0xffffffff;
      f->rbx = value >> 32;
      f->rcx = second & 0xffffffff;
      f->rdx = second >> 32;
      return;
    default:
      set_register(f, operand, value);
      f->rflags = (f->rflags & ~kArithmeticFlags) | kCarry;
  }
}

}  // namespace ckpt::agent
