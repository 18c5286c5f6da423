// The one interface between the entry points and what stands behind them: recording
// (record/agent/record_*.cc) or replay (replay/agent). Whichever is linked answers.
#pragma once

#include "record/agent/task.h"

namespace ckpt::agent {

// The program is at a system call: task->frame holds its registers, rax the number. On
// return the frame is what the program goes on with.
void on_syscall(Task* task);
// rdtsc and its kin.
void on_instruction(Task* task, Entry kind, u32 operand);
// A fault of the program itself, described by task->fault_*. Returns with the frame set to
// the handler, or does not return.
void on_fault(Task* task);
// The intercepted instruction faults, as the kernel has it when PR_SET_TSC forbids time stamps (core.cc).
void fault_at_site(Task* task);
// An interposed call was passed and `points` reached its target, or attention was asked for.
void on_point(Task* task);
// A spin waits for another task: a point, too.
void on_pause(Task* task);
// The supervisor interrupted a task that makes no events.
void on_interrupt(Task* task);
// A signal arrived that is no fault of the program: keep it.
void on_async_signal(Task* task, int signal, const void* siginfo, void* context);
// The program hit an instruction that traps because we asked for it.
bool patch_site(Task* task, Entry kind, u64 site, u64 after_site, u64* tail);

// Makes the calls of this thread's program code trap from now on (dispatch.cc).
void arm_dispatch(Task* task);

// A new task runs its first agent code on its own stack.
extern "C" void ckpt_agent_task_started(Task* task);

// A trap that the backend itself asked for (replay's search for a place). True: dealt with.
bool on_trap(Task* task, int signal, void* context);
// Points the interrupted context at the agent, as if it had come by itself from `tail`.
void redirect_to_agent(Task* task, void* context, Entry kind, u64 site, u64 tail);
// The state by which a place between events is known again: kStateWords.
void take_state(const Frame& frame, u64 state[abi::kStateWords]);

// Called once by the shim, on the program's stack, before the program's own code.
void initialise(Task* task);

}  // namespace ckpt::agent
