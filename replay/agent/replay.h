// Replay inside the program: the entry points of record/agent answered from the log. Every
// task is a context on one kernel thread; nothing but memory management reaches the kernel.
//
// Threads: one.
#pragma once

#include "record/agent/backend.h"
#include "record/agent/base.h"

namespace ckpt::agent {

// ---- The log (events.cc) -------------------------------------------------------------------
// The next event, or null if the trace has no more. Stays valid until consumed.
const abi::EventHeader* next_event();
void consume_event();
inline const u64* event_args(const abi::EventHeader* event) { return reinterpret_cast<const u64*>(event + 1); }

// Calls visit(part, bytes) for each part of the event.
template <class Visit>
void visit_parts(const abi::EventHeader* event, Visit visit) {
  u64 at = reinterpret_cast<u64>(event_args(event) + event->args);
  u64 end = reinterpret_cast<u64>(event) + event->bytes;
  while (at + sizeof(abi::Part) <= end) {
    auto* part = reinterpret_cast<const abi::Part*>(at);
    visit(*part, reinterpret_cast<const void*>(at + sizeof(abi::Part)));
    at += sizeof(abi::Part) + round_up(part->bytes, 8);
  }
}

// Writes the event's outputs into program memory.
void apply_outputs(const abi::EventHeader* event);
// Compares its inputs with program memory; diverges if they differ.
void compare_inputs(Task* task, const abi::EventHeader* event);

// Tells the supervisor and never returns.
[[noreturn]] void diverge(Task* task, abi::Divergence what, u64 a = 0, u64 b = 0, u64 c = 0);
[[noreturn]] void reached_end(Task* task, bool exact = true);

// ---- Tasks (contexts.cc) ---------------------------------------------------------------------
// Makes the context that a task_start event says; its parent stands at the call.
void create_task(Task* parent, const abi::EventHeader* event);
Task* find_task(u32 number);
void end_of_task(u32 number);
// If the next event gives the turn away from `task` in the way `how`, runs the others until
// it is back. False: it does not.
bool pass_turn(Task* task, abi::TurnGiven how);
// Applies patch events and such that belong to the instruction the task stands at.
bool apply_side_event(Task* task, const abi::EventHeader* event);
// Signals and switches that follow an event.
void after_event(Task* task);

// Lets the task run to where its registers and stack are the recorded `state` (places.cc).
void look_for_place(Task* task, const u64* state);

// ---- Calls -----------------------------------------------------------------------------------
// What replay does besides supplying: memory, masks, output. May replace the frame (then
// kFrameReplaced) and may refuse to agree.
i64 replay_call(Task* task, const abi::EventHeader* event, const u64 args[6]);
i64 replay_memory_call(Task* task, const abi::EventHeader* event, const u64 args[6]);
// How far the first stack may grow: RLIMIT_STACK.
void limit_stack(u64 bytes);
void show_output(u64 number, const u64 args[6], i64 result);
// The bytes of a data event that went to `fd`.
void show_bytes(u64 fd, const void* bytes, u64 count);
void apply_instruction(Task* task, Entry kind, u32 operand, u64 value, u64 second);

}  // namespace ckpt::agent
