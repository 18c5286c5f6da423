// Signals as the program sees them: its actions, masks and frames. The agent owns every
// handler that the kernel knows; this file gives the program its own back.
//
// Frames are built byte for byte alike in recording and in replay: everything in them comes
// from the program's registers, its vector state and the logged siginfo.
#pragma once

#include "record/agent/task.h"

namespace ckpt::agent {

enum : int {
  kSIGHUP = 1,
  kSIGILL = 4,
  kSIGTRAP = 5,
  kSIGABRT = 6,
  kSIGBUS = 7,
  kSIGFPE = 8,
  kSIGKILL = 9,
  kSIGSEGV = 11,
  kSIGSTKFLT = 16,
  kSIGCHLD = 17,
  kSIGCONT = 18,
  kSIGSTOP = 19,
  kSIGURG = 23,
  kSIGWINCH = 28,
  kSIGSYS = 31
};
// The supervisor interrupts a task with this one; programs have no use for it.
inline constexpr int kControlSignal = kSIGSTKFLT;

constexpr u64 signal_bit(int signal) { return 1ull << (signal - 1); }
inline constexpr u64 kFaultSignals =
    signal_bit(kSIGILL) | signal_bit(kSIGTRAP) | signal_bit(kSIGBUS) | signal_bit(kSIGFPE) | signal_bit(kSIGSEGV);
// The kernel must never hold these back from the agent.
inline constexpr u64 kNeverBlocked = kFaultSignals | signal_bit(kSIGSYS) | signal_bit(kControlSignal);
inline constexpr u64 kUnblockable = signal_bit(kSIGKILL) | signal_bit(kSIGSTOP);

inline constexpr u64 kSaNoChildStop = 1, kSaNoChildWait = 2, kSaSiginfo = 4, kSaOnStack = 0x08000000,
                     kSaRestart = 0x10000000, kSaNoDefer = 0x40000000, kSaResetHand = 0x80000000,
                     kSaRestorer = 0x04000000;

// The kernel's frame, as on the program's stack.
struct MachineContext {
  u64 r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
  u16 cs, gs, fs, ss;
  u64 error, trap, old_mask, cr2, fpstate, reserved[8];
};
static_assert(sizeof(MachineContext) == 256);
struct UserContext {
  u64 flags, link;
  SignalStack stack;
  MachineContext machine;
  u64 mask;
};
struct SignalFrame {
  u64 restorer;
  UserContext context;
  u8 info[kSiginfoBytes];
};
static_assert(sizeof(SignalFrame) == 440);

extern KernelAction process_actions[65];

// What checkpoint 0 keeps of the agent: goes through the exchange buffer.
struct FirstState {
  Task task;
  KernelAction actions[65];
  ProcessState process;
};
inline constexpr u64 kFirstVectorsOffset = 32768;  // where the XSAVE area follows in it
static_assert(sizeof(Frame) + sizeof(FirstState) <= kFirstVectorsOffset);

// rt_sigaction as the program asked for it: checks, keeps it, gives the old one. In recording
// the caller then tells the kernel (record_signals.cc).
i64 emulate_sigaction(Task* task, u64 signal, u64 action, u64 old_action, u64 set_bytes);
i64 emulate_sigprocmask(Task* task, u64 how, u64 set, u64 old_set, u64 set_bytes);
i64 emulate_sigaltstack(Task* task, u64 stack, u64 old_stack);
// Restores the registers, mask and vector state of the frame at frame->rsp. False: the frame
// is not readable and the program gets SIGSEGV, as from the kernel.
bool emulate_sigreturn(Task* task);

enum class Delivery { handled, ignored, fatal };
// What delivering `signal` to the task would do.
Delivery delivery_of(Task* task, int signal, bool synchronous);
// Builds the frame and points task->frame at the handler. False: the stack is not writable.
bool push_signal_frame(Task* task, int signal, const u8* info, bool synchronous);
// A call such as sigsuspend waits under another mask: a handler that interrupts it returns to
// the mask from before. `end` puts it back if no handler ran.
void begin_temporary_mask(Task* task, u64 mask);
void end_temporary_mask(Task* task);
// Whether -EINTR of this call becomes a restart when the handler asks for it (SA_RESTART).
bool restartable(u64 number);
// Makes the interrupted call happen again after the handler, if the action says so.
void restart_after_handler(Task* task, int signal);
// The lowest pending signal that the task does not block, or 0. Faults first.
int next_signal(const Task* task);

}  // namespace ckpt::agent
