// A task: one thread of the program, its registers while it is in the agent, and what the
// agent emulates for it. One slot of the zone each; GS points to its start.
//
// Owns:    its agent stack and the stack of our signal handlers, both inside the slot.
// Threads: written by its own thread, or by the holder of the turn while it waits.
#pragma once

#include "record/agent/base.h"

namespace ckpt::agent {

// General registers in the order entry.S pushes them.
struct Frame {
  u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, rip, rflags, rsp;
};
static_assert(sizeof(Frame) == 144);

// The register that an instruction encodes as `number`: rax rcx rdx rbx rsp rbp rsi rdi r8…r15.
inline u64* frame_register(Frame* frame, u32 number) {
  constexpr u8 kPlace[16] = {10, 11, 12, 5, 17, 4, 13, 14, 9, 8, 7, 6, 3, 2, 1, 0};
  static_assert(offsetof(Frame, rax) == 80 && offsetof(Frame, rbx) == 40 && offsetof(Frame, rsp) == 136);
  return reinterpret_cast<u64*>(frame) + kPlace[number & 15];
}

// Why the agent was entered. The first eight are TrampolineDesc::kind.
enum class Entry : u32 {
  syscall = 0,
  rdtsc = 1,
  rdtscp = 2,
  rdrand = 3,
  rdseed = 4,
  xsave = 5,
  cpuid = 6,
  pause = 7,
  fault = 16,
  interrupt = 17,
  point = 18,
  random = 19,
  start = 20
};

// The head of a trampoline's descriptor, and of the one a trap handler fills in.
struct EntryDesc {
  u64 tail;        // where to resume
  u64 site;        // the intercepted instruction
  u64 after_site;
  u32 kind;        // Entry
  u32 operand;
};

// What a cpuid at this frame asks for: leaf and subleaf.
inline u64 cpuid_question(const Frame* f) { return f->rcx << 32 | (f->rax & 0xffffffff); }

struct KernelSigset {
  u64 bits;
};

struct SignalStack {
  u64 sp;
  u32 flags;
  u32 pad;
  u64 bytes;
};
static_assert(sizeof(SignalStack) == 24);

inline constexpr u64 kSiginfoBytes = 128;

struct KernelAction {
  u64 handler, flags, restorer, mask;
};
static_assert(sizeof(KernelAction) == 32);

struct Task {
  // Offsets up to `points_left` are known to entry.S, to trampolines and to the shim.
  Task* self;          // 0x00
  u64 stack_top;       // 0x08
  u64 scratch_rcx;     // 0x10
  u64 saved_rsp;       // 0x18
  u64 resume;          // 0x20
  u64 points_left;     // 0x28 counted down at each interposed call; the agent is entered at 0
  u64 points_start;    // 0x30 what it was after the last event
  u64 spare1;          // 0x38
  u64 scratch_rax;     // 0x40
  u64 spare;           // 0x48
  EntryDesc trap;      // filled by a trap handler that redirects to the entry

  u32 number;          // task number in the trace
  u32 slot;
  u32 tid;
  u32 state;           // TaskState
  Frame* frame;        // while in the agent
  const EntryDesc* entry;
  u32 passthrough;     // 1: not recorded (a forked child)
  u32 vfork_child;     // 1: runs in its parent's memory until exec
  u32 kernel_tid_word; // cleared by the kernel when the thread is truly gone
  u32 turn_word;       // futex: 1 = the turn is ours
  Task* turn_next;
  u64 fs_base;

  // What the kernel would keep for the thread.
  u64 clear_child_tid;
  u64 robust_list, robust_bytes;
  u64 mask;            // the program's signal mask
  u64 saved_mask;      // restored after a handler that interrupted sigsuspend and its like
  u32 has_saved_mask;
  u32 in_restart;
  SignalStack altstack;
  KernelAction* actions;        // the process's, or a vfork child's own
  KernelAction own_actions[65];
  u64 pending;         // bit (signal - 1): a siginfo is kept below
  u8 pending_info[64][kSiginfoBytes];

  // The fault that entered the agent.
  u8 fault_info[kSiginfoBytes];
  u64 fault_error, fault_trap, fault_address;

  // Futex wait (futex.cc).
  u64 futex_address;
  u32 futex_bitset, futex_state;  // FutexState (futex.h)
  Task* futex_next;
  u64 restart_number;  // the call that -EINTR came from
  u32 slice_tick;      // the tick when it got the turn
  u32 abort_blocking;
  u32 tsc_traps;       // this thread's PR_SET_TSC
  u32 yields;          // 1: gives the turn away after this event, whatever is left of its slice

  // Replay: where its agent stack was left, and its vector state.
  u64 context_rsp;
  u64 parked;
  u64 xsave_bytes;
};
static_assert(offsetof(Task, stack_top) == 0x08 && offsetof(Task, scratch_rcx) == 0x10);
static_assert(offsetof(Task, saved_rsp) == 0x18 && offsetof(Task, resume) == 0x20);
static_assert(offsetof(Task, points_left) == 0x28);

// Points passed since the last event, and the next event: after `target` of them the agent is
// entered.
inline constexpr u64 kNoTarget = 1ull << 62;
inline u64 points_of(const Task* task) { return task->points_start - task->points_left; }
inline void begin_points(Task* task, u64 target = kNoTarget) { task->points_start = task->points_left = target; }

enum TaskState : u32 { kSlotFree = 0, kLive = 1 };

// A slot: the Task, the stack for our handlers, XSAVE room, the agent's stack.
inline constexpr u64 kTaskBytes = 16u << 10;
inline constexpr u64 kSignalStackOffset = kTaskBytes;
inline constexpr u64 kSignalStackBytes = 32u << 10;
inline constexpr u64 kXsaveOffset = kSignalStackOffset + kSignalStackBytes;
inline constexpr u64 kXsaveRoom = 16u << 10;
inline constexpr u64 kStackTopOffset = abi::kTaskSlotBytes;
static_assert(sizeof(Task) <= kTaskBytes);
static_assert(kXsaveOffset + kXsaveRoom + (32u << 10) <= kStackTopOffset);

inline Task* current() {
  Task* task;
  asm volatile("mov %%gs:0, %0" : "=r"(task));
  return task;
}
inline Task* slot_task(u32 slot) {
  return reinterpret_cast<Task*>(zone() + abi::kTasksOffset + slot * abi::kTaskSlotBytes);
}
inline u8* xsave_room(Task* task) { return reinterpret_cast<u8*>(task) + kXsaveOffset; }
inline u8* scratch(Task* task) {
  return reinterpret_cast<u8*>(zone() + abi::kScratchOffset + task->slot * abi::kScratchBytes);
}

// Takes a free slot and prepares it; null if all are taken.
Task* new_task();
void set_gs(Task* task);
u64 get_fs();
void set_fs(u64 base);
// Highest slot in use plus one: loops over tasks end there.
extern u32 slots_used;

// A handler's result that says the frame already holds what the program goes on with.
inline constexpr i64 kFrameReplaced = INT64_MIN;

// What the program asked the kernel for and the whole process shares.
struct ProcessState {
  u32 next_task_number;
  u32 pid;
  u64 program_break, break_start;
  u32 tsc_mode;          // what PR_GET_TSC answers: 1 enabled, 2 SIGSEGV
  u32 shared_mappings;   // how many MAP_SHARED file mappings live
  u64 stack_limit;       // RLIMIT_STACK: how far the first stack may grow
};
extern ProcessState process;

// XSAVE and XRSTOR of everything the CPU has enabled, in the standard format.
extern u64 xcr0;
extern u32 xsave_size;
void find_xsave();
inline void xsave(void* to) {
  asm volatile("xsave64 (%0)" : : "r"(to), "a"(static_cast<u32>(xcr0)), "d"(static_cast<u32>(xcr0 >> 32)) : "memory");
}
inline void xrstor(const void* from) {
  asm volatile("xrstor64 (%0)"
               :
               : "r"(from), "a"(static_cast<u32>(xcr0)), "d"(static_cast<u32>(xcr0 >> 32))
               : "memory");
}

}  // namespace ckpt::agent
