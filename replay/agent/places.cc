// Finding a place between events again, where the recording interrupted a task: a breakpoint
// at the recorded pc, and at each hit a look at the registers and the stack. A loop that only
// waits is the same at each turn, so that the first hit is right. A loop that counts is not,
// and is followed to the right turn; one whose count is neither in a register nor on the
// stack is stopped too early, which the next disagreement tells.
#include "record/agent/backend.h"
#include "record/agent/signals.h"
#include "record/agent/sites.h"
#include "replay/agent/replay.h"

namespace ckpt::agent {

namespace {

constexpr u8 kBreakpoint = 0xcc;
constexpr u64 kTrapFlag = 0x100, kMaxHits = 200'000;

struct Search {
  Task* task;
  u64 pc, hits;
  u8 original;
  u32 stepping;
  u64 state[abi::kStateWords];
};
Search search;

void put_byte(u64 address, u8 byte) { *reinterpret_cast<volatile u8*>(address) = byte; }

void protect_page(u64 address, u64 protection) {
  u64 first = round_down(address, 4096);
  raw_syscall(__NR_mprotect, first, 4096, protection);
}

void take_frame(const MachineContext& m, u64 pc, Frame* f) {
  f->r8 = m.r8; f->r9 = m.r9; f->r10 = m.r10; f->r11 = m.r11;
  f->r12 = m.r12; f->r13 = m.r13; f->r14 = m.r14; f->r15 = m.r15;
  f->rdi = m.rdi; f->rsi = m.rsi; f->rbp = m.rbp; f->rbx = m.rbx;
  f->rdx = m.rdx; f->rax = m.rax; f->rcx = m.rcx; f->rsp = m.rsp;
  f->rip = pc;
  f->rflags = m.rflags;
}

bool is_the_place(const MachineContext& m) {
  Frame frame;
  u64 state[abi::kStateWords];
  take_frame(m, search.pc, &frame);
  take_state(frame, state);
  for (u32 i = 0; i < abi::kStateWords; i++)
    if (state[i] != search.state[i]) return false;
  return true;
}

void end_search() {
  put_byte(search.pc, search.original);
  protect_page(search.pc, 5);
  search.task = nullptr;
  search.stepping = 0;
}

}  // namespace

void look_for_place(Task* task, const u64* state) {
  copy_bytes(search.state, state, sizeof search.state);
  search.pc = state[offsetof(Frame, rip) / 8];
  if (!read_program(search.pc, &search.original)) reached_end(task, false);
  search.task = task;
  search.hits = 0;
  search.stepping = 0;
  protect_page(search.pc, 7);
  put_byte(search.pc, kBreakpoint);
}

bool on_trap(Task* task, int, void* raw_context) {
  if (!search.task) return false;
  auto* context = static_cast<UserContext*>(raw_context);
  MachineContext& m = context->machine;
  if (search.stepping) {
    search.stepping = 0;
    m.rflags &= ~kTrapFlag;
    put_byte(search.pc, kBreakpoint);
    return true;
  }
  if (m.rip != search.pc + 1) return false;
  m.rip = search.pc;
  if (is_the_place(m)) {
    end_search();
    redirect_to_agent(task, context, Entry::interrupt, search.pc, search.pc);
    return true;
  }
  if (++search.hits > kMaxHits) {
    end_search();
    task->frame = nullptr;
    reached_end(task, false);
  }
  put_byte(search.pc, search.original);
  search.stepping = 1;
  m.rflags |= kTrapFlag;
  return true;
}

}  // namespace ckpt::agent
