// Actions, masks, alternate stacks and frames. See signals.h.
#include "record/agent/signals.h"

#include "record/agent/sites.h"
#include "record/agent/vectors.h"

namespace ckpt::agent {

KernelAction process_actions[65];

namespace {

constexpr u32 kOnStack = 1, kDisabled = 2;
constexpr u32 kMagic1 = 0x46505853, kMagic2 = 0x46505845;
constexpr u64 kRedZone = 128;

bool on_alternate_stack(const Task* task, u64 rsp) {
  return !(task->altstack.flags & kDisabled) && rsp > task->altstack.sp &&
         rsp - task->altstack.sp <= task->altstack.bytes;
}

bool ignored_by_default(int signal) {
  return signal == kSIGCHLD || signal == kSIGCONT || signal == kSIGURG || signal == kSIGWINCH;
}

// The kernel's software-reserved words of an XSAVE area (arch/x86/kernel/fpu/signal.c).
struct FpxSwBytes {
  u32 magic1, extended_size;
  u64 xfeatures;
  u32 xstate_size, padding[7];
};
static_assert(sizeof(FpxSwBytes) == 48);

void fill_machine(MachineContext* m, const Frame& f) {
  m->r8 = f.r8; m->r9 = f.r9; m->r10 = f.r10; m->r11 = f.r11;
  m->r12 = f.r12; m->r13 = f.r13; m->r14 = f.r14; m->r15 = f.r15;
  m->rdi = f.rdi; m->rsi = f.rsi; m->rbp = f.rbp; m->rbx = f.rbx;
  m->rdx = f.rdx; m->rax = f.rax; m->rcx = f.rcx; m->rsp = f.rsp;
  m->rip = program_address(f.rip); m->rflags = f.rflags;
  m->cs = 0x33; m->gs = 0; m->fs = 0; m->ss = 0x2b;
}

void take_machine(Frame* f, const MachineContext& m) {
  f->r8 = m.r8; f->r9 = m.r9; f->r10 = m.r10; f->r11 = m.r11;
  f->r12 = m.r12; f->r13 = m.r13; f->r14 = m.r14; f->r15 = m.r15;
  f->rdi = m.rdi; f->rsi = m.rsi; f->rbp = m.rbp; f->rbx = m.rbx;
  f->rdx = m.rdx; f->rax = m.rax; f->rcx = m.rcx; f->rsp = m.rsp;
  f->rip = resume_address(m.rip);
  constexpr u64 kUserFlags = 0x50dd5;  // what sigreturn may restore (FIX_EFLAGS)
  f->rflags = (f->rflags & ~kUserFlags) | (m.rflags & kUserFlags);
}

}  // namespace

i64 emulate_sigaction(Task* task, u64 signal, u64 action, u64 old_action, u64 set_bytes) {
  if (set_bytes != 8 || signal < 1 || signal > 64) return -kEINVAL;
  if (action && (signal == kSIGKILL || signal == kSIGSTOP)) return -kEINVAL;
  KernelAction wanted{};
  if (action && !read_program(action, &wanted)) return -kEFAULT;
  KernelAction before = task->actions[signal];
  if (action) {
    wanted.mask &= ~kUnblockable;
    task->actions[signal] = wanted;
  }
  if (old_action && !write_program(old_action, before)) return -kEFAULT;
  return 0;
}

i64 emulate_sigprocmask(Task* task, u64 how, u64 set, u64 old_set, u64 set_bytes) {
  if (set_bytes != 8) return -kEINVAL;
  u64 wanted = 0, before = task->mask;
  if (set) {
    if (!read_program(set, &wanted)) return -kEFAULT;
    wanted &= ~kUnblockable;
    switch (how) {
      case 0: task->mask |= wanted; break;
      case 1: task->mask &= ~wanted; break;
      case 2: task->mask = wanted; break;
      default: return -kEINVAL;
    }
  }
  if (old_set && !write_program(old_set, before)) return -kEFAULT;
  return 0;
}

i64 emulate_sigaltstack(Task* task, u64 stack, u64 old_stack) {
  SignalStack wanted{}, before = task->altstack;
  if (stack && !read_program(stack, &wanted)) return -kEFAULT;
  bool in_use = on_alternate_stack(task, task->frame->rsp);
  if (!(before.flags & kDisabled) && in_use) before.flags |= kOnStack;
  if (stack) {
    if (in_use) return -kEPERM;
    u32 mode = wanted.flags & ~0x80000000u;  // SS_AUTODISARM
    if (mode != 0 && mode != kOnStack && mode != kDisabled) return -kEINVAL;
    if (mode == kDisabled) {
      wanted.sp = 0;
      wanted.bytes = 0;
    } else if (wanted.bytes < 2048) {
      return -kENOMEM;
    } else {
      wanted.flags &= ~kOnStack;
    }
    task->altstack = SignalStack{wanted.sp, wanted.flags, 0, wanted.bytes};
  }
  if (old_stack && !write_program(old_stack, before)) return -kEFAULT;
  return 0;
}

Delivery delivery_of(Task* task, int signal, bool synchronous) {
  u64 handler = task->actions[signal].handler;
  if (synchronous && (handler <= 1 || (task->mask & signal_bit(signal)))) return Delivery::fatal;
  if (handler == 1) return Delivery::ignored;
  if (handler == 0) return ignored_by_default(signal) ? Delivery::ignored : Delivery::fatal;
  return Delivery::handled;
}

int next_signal(const Task* task) {
  u64 ready = task->pending & ~task->mask;
  if (!ready) return 0;
  return __builtin_ctzll(ready) + 1;
}

void begin_temporary_mask(Task* task, u64 mask) {
  task->saved_mask = task->mask;
  task->has_saved_mask = 1;
  task->mask = mask & ~kUnblockable;
}

void end_temporary_mask(Task* task) {
  if (!task->has_saved_mask) return;
  task->mask = task->saved_mask;
  task->has_saved_mask = 0;
}

bool restartable(u64 number) {
  switch (number) {
    case __NR_read: case __NR_write: case __NR_readv: case __NR_writev: case __NR_pread64: case __NR_pwrite64:
    case __NR_recvfrom: case __NR_sendto: case __NR_recvmsg: case __NR_sendmsg: case __NR_accept: case __NR_accept4:
    case __NR_connect: case __NR_wait4: case __NR_waitid: case __NR_futex: case __NR_ioctl: case __NR_open:
    case __NR_openat: case __NR_flock: case __NR_fcntl: case __NR_mq_timedsend: case __NR_mq_timedreceive:
    case __NR_getrandom: case __NR_recvmmsg: case __NR_sendmmsg:
      return true;
    default:
      return false;
  }
}

void restart_after_handler(Task* task, int signal) {
  if (!task->in_restart) return;
  task->in_restart = 0;
  if (!restartable(task->restart_number) || !(task->actions[signal].flags & kSaRestart)) return;
  task->frame->rip = restart_address(task->entry->site);
  task->frame->rax = task->restart_number;
}

bool push_signal_frame(Task* task, int signal, const u8* info, bool synchronous) {
  KernelAction action = task->actions[signal];
  Frame* f = task->frame;
  u64 sp = f->rsp - kRedZone;
  if ((action.flags & kSaOnStack) && !(task->altstack.flags & kDisabled) && !on_alternate_stack(task, f->rsp))
    sp = task->altstack.sp + task->altstack.bytes;
  u64 fpstate = round_down(sp - (xsave_size + 4), 64);
  u64 at = round_down(fpstate - sizeof(SignalFrame), 16) - 8;

  u8* room = xsave_room(task);
  save_vectors(room);
  auto* reserved = reinterpret_cast<FpxSwBytes*>(room + 464);
  zero_bytes(reserved, sizeof(FpxSwBytes));
  *reserved = FpxSwBytes{
      .magic1 = kMagic1, .extended_size = xsave_size + 4, .xfeatures = xcr0, .xstate_size = xsave_size, .padding = {}};
  *reinterpret_cast<u32*>(room + xsave_size) = kMagic2;
  if (ckpt_agent_copy(reinterpret_cast<void*>(fpstate), room, xsave_size + 4) != xsave_size + 4) return false;

  SignalFrame frame;
  zero_bytes(&frame, sizeof frame);
  frame.restorer = action.restorer;
  frame.context.flags = 7;  // UC_FP_XSTATE, UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS
  frame.context.stack = task->altstack;
  fill_machine(&frame.context.machine, *f);
  if (synchronous) {
    frame.context.machine.error = task->fault_error;
    frame.context.machine.trap = task->fault_trap;
    frame.context.machine.cr2 = task->fault_address;
  }
  frame.context.machine.fpstate = fpstate;
  frame.context.mask = task->has_saved_mask ? task->saved_mask : task->mask;
  frame.context.machine.old_mask = frame.context.mask;
  copy_bytes(frame.info, info, kSiginfoBytes);
  if (!write_program(at, frame)) return false;

  task->has_saved_mask = 0;
  task->mask |= action.mask;
  if (!(action.flags & kSaNoDefer)) task->mask |= signal_bit(signal);
  if (action.flags & kSaResetHand) task->actions[signal].handler = 0;
  f->rdi = static_cast<u64>(signal);
  f->rsi = at + offsetof(SignalFrame, info);
  f->rdx = at + offsetof(SignalFrame, context);
  f->rax = 0;
  f->rsp = at;
  f->rip = action.handler;
  f->rflags &= ~0x10500ull;  // trap, direction and resume flags off, as the kernel does
  return true;
}

bool emulate_sigreturn(Task* task) {
  u64 at = task->frame->rsp - 8;  // the restorer popped the return address
  SignalFrame frame;
  if (!read_program(at, &frame)) return false;
  take_machine(task->frame, frame.context.machine);
  task->mask = frame.context.mask & ~kUnblockable;
  u64 fpstate = frame.context.machine.fpstate;
  u8* room = xsave_room(task);
  if (fpstate && ckpt_agent_copy(room, reinterpret_cast<void*>(fpstate), xsave_size) == xsave_size) {
    // Trust nothing that XRSTOR would fault on.
    u64* header = reinterpret_cast<u64*>(room + 512);
    header[0] &= xcr0;
    for (int i = 1; i < 8; i++) header[i] = 0;
    *reinterpret_cast<u32*>(room + 24) &= 0xffff;  // MXCSR
    xrstor(room);
  }
  SignalStack stack = frame.context.stack;
  if (!on_alternate_stack(task, task->frame->rsp))
    task->altstack = SignalStack{stack.sp, stack.flags & ~kOnStack, 0, stack.bytes};
  return true;
}

}  // namespace ckpt::agent
