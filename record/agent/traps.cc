// The agent's signal handler: traps that lead into the agent, faults of the program, and
// signals for it. It runs on the slot's signal stack with every signal blocked, decides, and
// either keeps the signal or points the interrupted context at the entry, so that all work
// is done outside of signal context, as if a trampoline had come.
#include "record/agent/backend.h"
#include "record/agent/signals.h"
#include "record/agent/sites.h"

namespace ckpt::agent {

extern "C" {
extern const char ckpt_agent_entry[], ckpt_agent_copy_begin[], ckpt_agent_copy_end[], ckpt_agent_copy_fixup[],
    ckpt_agent_blocking_begin[], ckpt_agent_blocking_end[], ckpt_agent_blocking_aborted[];
}

namespace {

struct Siginfo {
  int signal, error, code, pad;
  union {
    struct {
      u64 address;
    } fault;
    struct {
      int pid, uid;
    } sender;
  };
};
constexpr int kUserDispatch = 2, kSeccomp = 1;

u64 address_of(const char* symbol) { return reinterpret_cast<u64>(symbol); }

void redirect(Task* task, UserContext* context, Entry kind, u64 site, u64 tail) {
  MachineContext& m = context->machine;
  task->trap.tail = tail;
  task->trap.site = site;
  task->trap.after_site = tail;
  task->trap.kind = static_cast<u32>(kind);
  task->trap.operand = 0;
  task->scratch_rcx = m.rcx;
  m.rcx = reinterpret_cast<u64>(&task->trap);
  m.rip = address_of(ckpt_agent_entry);
}

void trapped_syscall(Task* task, UserContext* context) {
  u64 after = context->machine.rip;
  u64 tail = after;
  control().slow_entries++;
  if (!task->passthrough) patch_site(task, Entry::syscall, after - 2, after, &tail);
  redirect(task, context, Entry::syscall, after - 2, after);
  task->trap.tail = tail;
}

// Whether the program stands at an rdtsc or rdtscp; bytes of the instruction, or 0.
u32 time_stamp_instruction(u64 pc, Entry* kind) {
  u8 code[3] = {};
  u64 got = ckpt_agent_copy(code, reinterpret_cast<void*>(pc), 3);
  if (got >= 2 && code[0] == 0x0f && code[1] == 0x31) {
    *kind = Entry::rdtsc;
    return 2;
  }
  if (got == 3 && code[0] == 0x0f && code[1] == 0x01 && code[2] == 0xf9) {
    *kind = Entry::rdtscp;
    return 3;
  }
  return 0;
}

bool trapped_breakpoint(Task* task, UserContext* context) {
  const Breakpoint* breakpoint = breakpoint_at(context->machine.rip - 1);
  if (!breakpoint) return false;
  context->machine.rip--;
  control().slow_entries++;
  redirect(task, context, static_cast<Entry>(breakpoint->kind), breakpoint->site, breakpoint->after_site);
  task->trap.operand = breakpoint->operand;
  return true;
}

bool trapped_time_stamp(Task* task, UserContext* context) {
  Entry kind;
  u64 pc = context->machine.rip;
  u32 bytes = time_stamp_instruction(pc, &kind);
  if (!bytes || !control().trap_tsc || process.tsc_mode == 2) return false;
  u64 tail = pc + bytes;
  control().slow_entries++;
  if (!task->passthrough) patch_site(task, kind, pc, pc + bytes, &tail);
  redirect(task, context, kind, pc, pc + bytes);
  task->trap.tail = tail;
  return true;
}

void program_fault(Task* task, UserContext* context, const Siginfo* info) {
  copy_bytes(task->fault_info, info, kSiginfoBytes);
  task->fault_error = context->machine.error;
  task->fault_trap = context->machine.trap;
  task->fault_address = context->machine.cr2;
  redirect(task, context, Entry::fault, context->machine.rip, context->machine.rip);
}

bool is_fault(int signal, const Siginfo* info) { return (kFaultSignals & signal_bit(signal)) && info->code > 0; }

}  // namespace

void redirect_to_agent(Task* task, void* context, Entry kind, u64 site, u64 tail) {
  redirect(task, static_cast<UserContext*>(context), kind, site, tail);
}

void take_state(const Frame& frame, u64 state[abi::kStateWords]) {
  copy_bytes(state, &frame, sizeof frame);
  constexpr u64 kSeenFlags = 0xcd5;  // arithmetic and direction
  constexpr u64 kFlagsWord = offsetof(Frame, rflags) / 8, kStackWords = 64;
  state[kFlagsWord] &= kSeenFlags;
  u64 words[kStackWords];
  zero_bytes(words, sizeof words);
  ckpt_agent_copy(words, reinterpret_cast<void*>(frame.rsp), sizeof words);
  u64 hash = 0xcbf29ce484222325;
  for (u64 word : words) hash = (hash ^ word) * 0x9e3779b97f4a7c15 + (hash >> 29);
  state[sizeof(Frame) / 8] = hash;
}

extern "C" void ckpt_agent_signalled(int signal, const Siginfo* info, UserContext* context) {
  Task* task = current();
  u64 pc = context->machine.rip;
  if ((signal == kSIGSEGV || signal == kSIGBUS) && pc >= address_of(ckpt_agent_copy_begin) &&
      pc < address_of(ckpt_agent_copy_end)) {
    context->machine.rip = address_of(ckpt_agent_copy_fixup);
    return;
  }
  if (signal == kSIGSYS && info->code > 0 && (info->code == kUserDispatch || info->code == kSeccomp)) {
    trapped_syscall(task, context);
    return;
  }
  if (signal == kControlSignal && info->code <= 0 && info->sender.pid == static_cast<int>(control().supervisor_pid)) {
    // A trampoline is on its way here by itself, and its scratch is in use.
    if (!in_zone(pc) && !in_trampolines(pc)) redirect(task, context, Entry::interrupt, pc, pc);
    return;
  }
  if (signal == kSIGTRAP && (on_trap(task, signal, context) || trapped_breakpoint(task, context))) return;
  constexpr u64 kTrapFlag = 0x100;
  if (signal == kSIGTRAP && in_zone(pc) && (context->machine.rflags & kTrapFlag)) {
    context->machine.rflags &= ~kTrapFlag;  // the program steps itself: not through us
    return;
  }
  if (is_fault(signal, info)) {
    if (in_zone(pc)) agent_failed(__LINE__, static_cast<u64>(signal), pc - zone(), context->machine.cr2);
    if (signal == kSIGSEGV && trapped_time_stamp(task, context)) return;
    program_fault(task, context, info);
    return;
  }
  on_async_signal(task, signal, info, context);
  if (pc >= address_of(ckpt_agent_blocking_begin) && pc < address_of(ckpt_agent_blocking_end))
    context->machine.rip = address_of(ckpt_agent_blocking_aborted);
}

}  // namespace ckpt::agent
