// Life of a replayed syscall: on_syscall takes side events and lets others run until the log
// holds this task's own call, compares it, and replay_call supplies or performs it.
#include "record/agent/signals.h"
#include "record/agent/sites.h"
#include "replay/agent/replay.h"
#include "trace/model/subcalls.h"
#include "trace/model/syscalls.h"

namespace ckpt::agent {

using abi::EventKind;
using model::Handler;

namespace {

void compare_call(Task* task, const abi::EventHeader* event, u64 number, const u64 args[6]) {
  if (number > 0xffff) number = 0xffff;
  if (event->number != number) diverge(task, abi::Divergence::syscall, number, event->number);
  for (u32 i = 0; i < event->args && i < 6; i++)
    if (event_args(event)[i] != args[i]) diverge(task, abi::Divergence::argument, i, args[i], event_args(event)[i]);
  compare_inputs(task, event);
}

void expect_result(Task* task, i64 met, i64 expected) {
  if (met != expected) diverge(task, abi::Divergence::result, static_cast<u64>(met), static_cast<u64>(expected));
}

// The mask that a waiting call brings, if it was interrupted under it.
void take_temporary_mask(Task* task, u64 number, const u64 args[6]) {
  u64 address = 0, mask;
  switch (number) {
    case __NR_ppoll: address = args[3]; break;
    case __NR_epoll_pwait: case __NR_epoll_pwait2: address = args[4]; break;
    case __NR_pselect6: if (args[5]) read_program(args[5], &address); break;
    case __NR_rt_sigsuspend: address = args[0]; break;
    default: return;
  }
  if (address && read_program(address, &mask)) begin_temporary_mask(task, mask);
}

i64 replay_signal_call(Task* task, Handler handler, i64 expected, const u64 args[6]) {
  switch (handler) {
    case Handler::sigaction:
      expect_result(task, emulate_sigaction(task, args[0], args[1], args[2], args[3]), expected);
      return expected;
    case Handler::sigprocmask:
      expect_result(task, emulate_sigprocmask(task, args[0], args[1], args[2], args[3]), expected);
      return expected;
    case Handler::sigaltstack:
      expect_result(task, emulate_sigaltstack(task, args[0], args[1]), expected);
      return expected;
    default:  // sigreturn
      if (!emulate_sigreturn(task)) {
        consume_event();
        reached_end(task);
      }
      return kFrameReplaced;
  }
}

void note_arch_prctl(const u64 args[6], i64 result) {
  constexpr u64 kSetFs = 0x1002;
  if (result == 0 && args[0] == kSetFs) set_fs(args[1]);
}

void note_limit(u64 number, const u64 args[6], i64 result) {
  constexpr u64 kStack = 3;
  bool other = number == __NR_prlimit64;
  u64 resource = other ? args[1] : args[0], address = other ? args[2] : args[1], limit;
  if (result == 0 && resource == kStack && address && !(other && args[0] && args[0] != process.pid) &&
      read_program(address, &limit))
    limit_stack(limit);
}

void note_prctl(const u64 args[6], i64 result) {
  constexpr u64 kSetTsc = 26;
  if (result == 0 && args[0] == kSetTsc) process.tsc_mode = static_cast<u32>(args[1]);
}

[[noreturn]] void leave_task(Task* task) {
  consume_event();
  for (;;) {
    const abi::EventHeader* event = next_event();
    if (!event || event->kind == EventKind::end) reached_end(task);
    if (apply_side_event(task, event)) continue;
    if (!pass_turn(task, abi::TurnGiven::task_end)) diverge(task, abi::Divergence::task, event->task);
    agent_failed(__LINE__);  // an ended task was switched to
  }
}

}  // namespace

i64 replay_call(Task* task, const abi::EventHeader* event, const u64 args[6]) {
  u64 number = event->number;
  i64 result = event->result;
  const model::Row* row = model::row_of(static_cast<u32>(number));
  Handler handler = row ? row->handler : Handler::none;
  switch (handler) {
    case Handler::map: case Handler::unmap: case Handler::remap: case Handler::protect:
    case Handler::program_break: case Handler::advise:
      return replay_memory_call(task, event, args);
    case Handler::sigaction: case Handler::sigprocmask: case Handler::sigaltstack: case Handler::sigreturn:
      return replay_signal_call(task, handler, result, args);
    case Handler::exit: case Handler::exit_group:
      leave_task(task);
    case Handler::arch_prctl: note_arch_prctl(args, result); break;
    case Handler::prctl: note_prctl(args, result); break;
    case Handler::set_limit: note_limit(number, args, result); break;
    default: break;
  }
  if (result == -kEINTR) take_temporary_mask(task, number, args);
  apply_outputs(event);
  // A vfork child has descriptors of its own: what it closes and moves is not the program's.
  if (!task->vfork_child) show_output(number, args, result);
  return result;
}

void on_syscall(Task* task) {
  Frame* f = task->frame;
  const u64 args[6] = {f->rdi, f->rsi, f->rdx, f->r10, f->r8, f->r9};
  u64 number = f->rax;
  for (;;) {
    const abi::EventHeader* event = next_event();
    if (!event || event->kind == EventKind::end) reached_end(task);
    if (pass_turn(task, abi::TurnGiven::at_entry) || apply_side_event(task, event)) continue;
    if (event->task != task->number) diverge(task, abi::Divergence::task, event->task);
    if (event->kind != EventKind::syscall) diverge(task, abi::Divergence::kind, static_cast<u64>(event->kind), number);
    compare_call(task, event, number, args);
    task->restart_number = number;
    i64 result = replay_call(task, event, args);
    consume_event();
    if (result != kFrameReplaced) {
      f->rax = static_cast<u64>(result);
      task->in_restart = result == -kEINTR;
    }
    after_event(task);
    return;
  }
}

void on_instruction(Task* task, Entry kind, u32 operand) {
  constexpr u32 kTscTraps = 2;
  if ((kind == Entry::rdtsc || kind == Entry::rdtscp) && process.tsc_mode == kTscTraps) {
    fault_at_site(task);
    return;
  }
  for (;;) {
    const abi::EventHeader* event = next_event();
    if (!event) reached_end(task);
    if (apply_side_event(task, event)) continue;
    if (event->task != task->number) diverge(task, abi::Divergence::task, event->task);
    bool random = kind == Entry::random && event->kind == EventKind::random;
    bool instruction = event->kind == EventKind::instruction && event->number == static_cast<u16>(kind);
    if (!random && !instruction)
      diverge(task, abi::Divergence::kind, static_cast<u64>(event->kind), static_cast<u64>(kind));
    if (instruction && event_args(event)[0] != task->entry->site)
      diverge(task, abi::Divergence::argument, 0, task->entry->site, event_args(event)[0]);
    bool other_question = kind == Entry::cpuid && event_args(event)[2] != cpuid_question(task->frame);
    if (other_question) diverge(task, abi::Divergence::argument, 2, cpuid_question(task->frame), event_args(event)[2]);
    u64 second = instruction ? event_args(event)[1] : 0;
    u64 value = static_cast<u64>(event->result);
    consume_event();
    apply_instruction(task, kind, operand, value, second);
    after_event(task);
    return;
  }
}

}  // namespace ckpt::agent
