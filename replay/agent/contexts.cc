// Tasks as contexts: creating them, changing between them, and what happens between events.
#include "record/agent/params.h"
#include "record/agent/request.h"
#include "record/agent/signals.h"
#include "record/agent/sites.h"
#include "replay/agent/replay.h"
#include "trace/model/interposed.h"

namespace ckpt::agent {

extern "C" void ckpt_agent_switch(u64* save_rsp, u64 load_rsp);
extern "C" const char ckpt_agent_task_born[];

namespace {

using abi::EventKind;
using abi::TurnGiven;

void load_context(Task* task) {
  set_gs(task);
  set_fs(task->fs_base);
  xrstor(xsave_room(task));
}

void save_context(Task* task) {
  task->fs_base = get_fs();
  zero_bytes(xsave_room(task), 576);  // XSAVE leaves the header's unused bits alone
  xsave(xsave_room(task));
}

void switch_tasks(Task* from, Task* to) {
  save_context(from);
  ckpt_agent_switch(&from->context_rsp, to->context_rsp);
  load_context(from);
}

bool deliver_logged_signal(Task* task, const abi::EventHeader* event) {
  int signal = event->number;
  u8 info[kSiginfoBytes] = {};
  visit_parts(event, [&](const abi::Part& part, const void* bytes) {
    if (part.bytes == kSiginfoBytes) copy_bytes(info, bytes, kSiginfoBytes);
  });
  Delivery delivery = delivery_of(task, signal, false);
  consume_event();
  if (delivery != Delivery::handled) reached_end(task);  // it ended the program
  restart_after_handler(task, signal);
  begin_points(task);
  if (!push_signal_frame(task, signal, info, false)) reached_end(task);
  return true;
}

bool is_turn(const abi::EventHeader* event, const Task* task, TurnGiven how) {
  return event->kind == EventKind::turn && event_args(event)[0] == task->number &&
         event->number == static_cast<u16>(how);
}

void apply_patch(const abi::EventHeader* event) {
  const u64* args = event_args(event);
  auto step = static_cast<abi::PatchStep>(event->number);
  if (step == abi::PatchStep::breakpoint) {
    const Breakpoint breakpoint{args[0], args[1], static_cast<u32>(args[2]), static_cast<u32>(args[3]), 0};
    if (!place_breakpoint(breakpoint)) agent_failed(__LINE__, args[0]);
    return;
  }
  if (step == abi::PatchStep::guard) {
    set_guard(args[0], args[1], static_cast<u32>(args[2]));
    return;
  }
  bool maps = step == abi::PatchStep::map_trampolines;
  if (maps) {
    constexpr u64 kPrivateAnonymousFixed = 0x32;
    raw_syscall(__NR_mmap, args[0], args[1], 5, kPrivateAnonymousFixed, ~0ull, 0);
  }
  u64 start = 0, bytes = 0;
  visit_parts(event, [&](const abi::Part& part, const void* code) {
    write_text(part.address, code, part.bytes);
    start = part.address;
    bytes = part.bytes;
  });
  if (maps) return;
  remember_window(start, static_cast<u32>(bytes), args[1], args[2]);
  for (u32 slot = 0; slot < slots_used; slot++) {
    Task* other = slot_task(slot);
    if (other->state == kLive && other->frame && other->frame->rip == args[1] && args[1] - start < bytes)
      other->frame->rip = args[2];
  }
}

}  // namespace

Task* find_task(u32 number) {
  for (u32 slot = 0; slot < slots_used; slot++)
    if (slot_task(slot)->state == kLive && slot_task(slot)->number == number) return slot_task(slot);
  return nullptr;
}

void end_of_task(u32 number) {
  if (Task* task = find_task(number)) task->state = kSlotFree;
}

void create_task(Task* parent, const abi::EventHeader* event) {
  constexpr u64 kSetTls = 0x80000, kSighand = 0x800, kVfork = 0x4000, kThread = 0x10000;
  const u64* args = event_args(event);
  u64 flags = args[1];
  Task* child = new_task();
  AGENT_ASSERT(child);
  child->number = event->task;
  child->tid = static_cast<u32>(event->result);
  child->mask = parent->mask;
  child->fs_base = flags & kSetTls ? args[3] : get_fs();
  child->vfork_child = !(flags & kThread);
  if (flags & kVfork)
    child->altstack = SignalStack{parent->altstack.sp, parent->altstack.flags, 0, parent->altstack.bytes};
  if (!(flags & kSighand)) {
    copy_bytes(child->own_actions, parent->actions, sizeof child->own_actions);
    child->actions = child->own_actions;
  }
  auto* frame = reinterpret_cast<Frame*>(child->stack_top - sizeof(Frame));
  copy_bytes(frame, parent->frame, sizeof(Frame));
  frame->rax = 0;
  if (args[2]) frame->rsp = args[2];
  child->frame = frame;
  child->entry = &child->trap;
  copy_bytes(&child->trap, parent->entry, sizeof(EntryDesc));
  zero_bytes(xsave_room(child), 576);
  xsave(xsave_room(child));
  // What ckpt_agent_switch pops: r15 r14 r13 r12 rbp rbx and the address to go to.
  u64* stack = reinterpret_cast<u64*>(child->stack_top - sizeof(Frame) - 64);
  stack[5] = reinterpret_cast<u64>(child);
  stack[6] = reinterpret_cast<u64>(ckpt_agent_task_born);
  child->context_rsp = reinterpret_cast<u64>(stack);
}

// The first code of a new context: the turn event that brought it here is consumed already.
extern "C" void ckpt_agent_task_started(Task* task) {
  load_context(task);
  after_event(task);
  task->frame = nullptr;
}

bool pass_turn(Task* task, TurnGiven how) {
  const abi::EventHeader* event = next_event();
  if (!event || !is_turn(event, task, how)) return false;
  Task* to = find_task(event->task);
  if (!to) diverge(task, abi::Divergence::task, event->task);
  consume_event();
  if (to != task) switch_tasks(task, to);
  return true;
}

bool apply_side_event(Task* task, const abi::EventHeader* event) {
  switch (event->kind) {
    case EventKind::data:
      if (event->task != task->number) return false;
      if (event->number == static_cast<u16>(abi::DataStep::shown)) {
        u64 fd = event_args(event)[0];
        visit_parts(event, [fd](const abi::Part& part, const void* bytes) { show_bytes(fd, bytes, part.bytes); });
        break;
      }
      if (event->number == static_cast<u16>(abi::DataStep::cut))
        ask(abi::Request::file_cut, event_args(event)[0], event_args(event)[1], event_args(event)[2]);
      apply_outputs(event);
      break;
    case EventKind::patch:
      if (event->task != task->number) return false;
      apply_patch(event);
      break;
    case EventKind::task_start:
      if (event_args(event)[0] != task->number) return false;
      create_task(task, event);
      break;
    case EventKind::task_end:
      end_of_task(event->task);
      break;
    default:
      return false;
  }
  consume_event();
  return true;
}

void after_event(Task* task) {
  begin_points(task);
  const abi::EventHeader* event;
  while ((event = next_event())) {
    bool dies = event->kind == EventKind::end && event->number == static_cast<u16>(abi::EndHow::signal);
    if (dies) reached_end(task);
    bool own_signal = event->kind == EventKind::signal && event->task == task->number &&
                      event_args(event)[0] == static_cast<u64>(abi::SignalHow::asynchronous);
    bool new_code = event->kind == EventKind::patch && event->task == task->number && event->result == 1;
    if (new_code) {
      apply_side_event(task, event);
    } else if (own_signal && event_args(event)[2] == 0) {
      deliver_logged_signal(task, event);
    } else if (own_signal) {
      begin_points(task, event_args(event)[2]);
      break;
    } else if (pass_turn(task, TurnGiven::after_event)) {
      continue;
    } else {
      bool interrupted = event->kind == EventKind::signal && event->task == task->number &&
                         event_args(event)[0] == static_cast<u64>(abi::SignalHow::interrupted);
      if (interrupted) look_for_place(task, event_args(event) + 3);
      if (is_turn(event, task, TurnGiven::interrupted)) look_for_place(task, event_args(event) + 2);
      if (is_turn(event, task, TurnGiven::at_point)) begin_points(task, event_args(event)[1]);
      if (event->kind == EventKind::call && event->task == task->number) begin_points(task, event_args(event)[0]);
      break;
    }
  }
  task->in_restart = 0;
  end_temporary_mask(task);
}

namespace {

void compare_interposed_call(Task* task, const abi::EventHeader* event) {
  const Frame* f = task->frame;
  const u64 met[3] = {f->rdi, f->rsi, f->rdx};
  model::Interposed call = model::interposed(event->number);
  for (u32 i = 0; i < call.arguments; i++)
    if (event_args(event)[1 + i] != met[i])
      diverge(task, abi::Divergence::argument, i, met[i], event_args(event)[1 + i]);
  u64 caller = 0;
  read_program(f->rsp, &caller);
  if (caller != static_cast<u64>(event->result)) diverge(task, abi::Divergence::point, points_of(task));
}

}  // namespace

void on_point(Task* task) {
  const abi::EventHeader* event = next_event();
  if (!event) reached_end(task);
  if (event->kind == EventKind::call && event->task == task->number) {
    compare_interposed_call(task, event);
    consume_event();
    after_event(task);
    return;
  }
  if (is_turn(event, task, TurnGiven::at_point)) {
    pass_turn(task, TurnGiven::at_point);
  } else if (event->kind == EventKind::signal && event->task == task->number) {
    deliver_logged_signal(task, event);
  } else {
    diverge(task, abi::Divergence::point, points_of(task));
  }
  after_event(task);
}

void on_pause(Task* task) {
  if (--task->points_left == 0) on_point(task);
}

// The place that look_for_place was told of is found.
void on_interrupt(Task* task) {
  const abi::EventHeader* event = next_event();
  if (event->kind == EventKind::signal)
    deliver_logged_signal(task, event);
  else
    pass_turn(task, TurnGiven::interrupted);
  after_event(task);
}

void on_fault(Task* task) {
  int signal = *reinterpret_cast<int*>(task->fault_info);
  const abi::EventHeader* event = next_event();
  if (!event) reached_end(task);
  bool guarded = event->kind == EventKind::patch && event->number == static_cast<u16>(abi::PatchStep::guard) &&
                 event->task == task->number;
  if (guarded) {
    auto lifts = [](const abi::EventHeader* e) {
      return e && e->kind == EventKind::patch && e->number == static_cast<u16>(abi::PatchStep::guard) && e->result == 0;
    };
    while (lifts(next_event())) apply_side_event(task, next_event());
    after_event(task);
    return;
  }
  const u64* args = event_args(event);
  bool expected = event->kind == EventKind::signal && event->task == task->number && event->number == signal &&
                  args[0] == static_cast<u64>(abi::SignalHow::synchronous);
  if (!expected)
    diverge(task, abi::Divergence::signal, static_cast<u64>(signal), task->fault_address, task->frame->rip);
  u8 info[kSiginfoBytes];
  visit_parts(event, [&](const abi::Part& part, const void* bytes) {
    if (part.bytes == kSiginfoBytes) copy_bytes(info, bytes, kSiginfoBytes);
  });
  task->fault_address = static_cast<u64>(event->result);
  task->fault_error = args[3];
  task->fault_trap = args[4];
  consume_event();
  if (delivery_of(task, signal, true) != Delivery::handled || !push_signal_frame(task, signal, info, true))
    reached_end(task);
  after_event(task);
}

void on_async_signal(Task*, int, const void*, void*) {}

bool patch_site(Task*, Entry, u64, u64, u64*) { return false; }

}  // namespace ckpt::agent
