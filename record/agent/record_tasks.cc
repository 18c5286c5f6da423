// Tasks while recording: clone, vfork, exit, and what the kernel would write into program
// memory when a thread starts or dies.
#include "record/agent/call.h"
#include "record/agent/futex.h"
#include "record/agent/request.h"
#include "record/agent/signals.h"
#include "record/agent/turn.h"

namespace ckpt::agent {

using model::Handler;

extern "C" i64 ckpt_agent_clone(u64 flags, u64 stack, u64 parent_tid, u64 child_tid, u64 tls, Task* child);
extern "C" [[noreturn]] void ckpt_agent_exit_thread(u64 status);
i64 unlock_pi(u64 address, u32 died);

namespace {

constexpr u64 kVm = 0x100, kVfork = 0x4000, kThread = 0x10000, kSetTls = 0x80000, kParentSetTid = 0x100000,
              kChildClearTid = 0x200000, kChildSetTid = 0x1000000, kPidFd = 0x1000, kSighand = 0x800;
constexpr u64 kAllSignals = ~0ull;

// What clone, clone3, fork and vfork have in common.
struct NewTask {
  u64 flags, stack, parent_tid, child_tid, tls, pidfd, exit_signal;
};

u64 block_everything() {
  u64 before = 0;
  raw_syscall(__NR_rt_sigprocmask, 2, reinterpret_cast<u64>(&kAllSignals), reinterpret_cast<u64>(&before), 8);
  return before;
}

void unblock(u64 mask) { raw_syscall(__NR_rt_sigprocmask, 2, reinterpret_cast<u64>(&mask), 0, 8); }

void prepare_child(Task* parent, Task* child, const NewTask& wanted) {
  auto* frame = reinterpret_cast<Frame*>(child->stack_top - sizeof(Frame));
  copy_bytes(frame, parent->frame, sizeof(Frame));
  frame->rax = 0;
  if (wanted.stack) frame->rsp = wanted.stack;
  child->frame = frame;
  child->entry = &child->trap;
  copy_bytes(&child->trap, parent->entry, sizeof(EntryDesc));
  child->mask = parent->mask;
  child->fs_base = wanted.flags & kSetTls ? wanted.tls : get_fs();
  if (wanted.flags & kChildClearTid) child->clear_child_tid = wanted.child_tid;
  if (wanted.flags & kVfork)
    child->altstack = SignalStack{parent->altstack.sp, parent->altstack.flags, 0, parent->altstack.bytes};
  if (!(wanted.flags & kSighand)) {
    copy_bytes(child->own_actions, parent->actions, sizeof child->own_actions);
    child->actions = child->own_actions;
  }
  child->passthrough = parent->passthrough;
  child->tsc_traps = parent->tsc_traps;
  child->vfork_child = !(wanted.flags & kThread);
  child->kernel_tid_word = 1;
}

void log_task_start(Task* parent, Task* child, const NewTask& wanted) {
  EventBuilder event(abi::EventKind::task_start, 0, child->number);
  event.arg(parent->number);
  event.arg(wanted.flags);
  event.arg(wanted.stack);
  event.arg(wanted.tls);
  event.arg(wanted.child_tid);
  event.commit(child->tid);
}

void end_task(Task* task, i64 status) {
  EventBuilder event(abi::EventKind::task_end, 0, task->number);
  event.commit(status);
  control().live_tasks--;
}

// A child that only borrowed our memory is gone when the kernel lets its parent go on.
void reap_vfork_child(Task* child) {
  if (load(child->kernel_tid_word) != 0 || child->state == kSlotFree) return;
  end_task(child, 0);
  child->state = kSlotFree;
  control().children++;
}

u64 kernel_flags(const NewTask& wanted) {
  u64 flags = wanted.flags & ~(kParentSetTid | kChildSetTid);
  return flags | kChildClearTid | kChildSetTid | wanted.exit_signal;
}

// A task in our address space: a thread, or a vfork child.
// A thread of an unrecorded child: the kernel does all; only the agent's stack is ours.
i64 start_unrecorded(Task* parent, const NewTask& wanted) {
  Task* child = new_task();
  if (!child) return -kEAGAIN;
  prepare_child(parent, child, wanted);
  u64 mask = block_everything();
  child->mask = mask;
  u64 parent_tid = wanted.flags & kPidFd ? wanted.pidfd : wanted.parent_tid;
  i64 tid = ckpt_agent_clone(wanted.flags | wanted.exit_signal, child->stack_top - sizeof(Frame) - 64, parent_tid,
                             wanted.child_tid, child->fs_base, child);
  unblock(mask);
  return tid;
}

i64 start_in_our_memory(Task* parent, const NewTask& wanted) {
  if (parent->passthrough) return start_unrecorded(parent, wanted);
  Task* child = new_task();
  if (!child) return -kEAGAIN;
  prepare_child(parent, child, wanted);
  bool waits = wanted.flags & kVfork;
  control().live_tasks++;
  if (waits) {
    log_task_start(parent, child, wanted);
    give_turn(parent, abi::TurnGiven::at_entry);
  }
  u64 mask = block_everything();
  u64 parent_tid = wanted.flags & kPidFd ? wanted.pidfd : 0;
  i64 tid = ckpt_agent_clone(kernel_flags(wanted), child->stack_top - sizeof(Frame) - 64, parent_tid,
                             reinterpret_cast<u64>(&child->kernel_tid_word), child->fs_base, child);
  unblock(mask);
  if (waits) take_turn(parent);
  if (failed(tid)) {
    control().live_tasks--;
    child->kernel_tid_word = 0;
    child->state = kSlotFree;
    return tid;
  }
  if (waits) {
    reap_vfork_child(child);
  } else {
    child->tid = static_cast<u32>(tid);
    log_task_start(parent, child, wanted);
    // It runs first, as on a processor of its own it would soon: a program may be slow, but not
    // wrong, if what it has just started is not ready when asked (InnoDB's page cleaner: 1 s).
    if (!child->vfork_child) {
      enqueue_ready(child);
      parent->yields = 1;
    }
  }
  u32 word = static_cast<u32>(tid);
  if (wanted.flags & kParentSetTid) write_program(wanted.parent_tid, word);
  if ((wanted.flags & kChildSetTid) && !waits) write_program(wanted.child_tid, word);
  return tid;
}

// A child with memory of its own leaves the recording.
i64 start_elsewhere(Task* parent, const NewTask& wanted) {
  u64 flags = (wanted.flags & ~(kVfork | kVm)) | wanted.exit_signal;
  u64 parent_tid = wanted.flags & kPidFd ? wanted.pidfd : wanted.parent_tid;
  u64 mask = block_everything();
  i64 pid = raw_syscall(__NR_clone, flags, 0, parent_tid, wanted.child_tid, wanted.tls);
  if (pid == 0) {
    if (!parent->passthrough) disarm_for_child(parent);
    if (wanted.stack) parent->frame->rsp = wanted.stack;
    unblock(mask & ~(kNeverBlocked & ~parent->mask));
    return 0;
  }
  unblock(mask);
  if (!failed(pid) && !parent->passthrough) control().children++;
  return pid;
}

bool wanted_by_clone3(const Call& call, NewTask* wanted) {
  struct CloneArgs {
    u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_bytes, tls, set_tid, set_tid_count, cgroup;
  } a;
  zero_bytes(&a, sizeof a);
  u64 bytes = call.args[1] < sizeof a ? call.args[1] : sizeof a;
  if (bytes < 64 || ckpt_agent_copy(&a, reinterpret_cast<void*>(call.args[0]), bytes) != bytes) return false;
  *wanted = NewTask{.flags = a.flags, .stack = a.stack ? a.stack + a.stack_bytes : 0, .parent_tid = a.parent_tid,
                    .child_tid = a.child_tid, .tls = a.tls, .pidfd = a.pidfd, .exit_signal = a.exit_signal};
  return a.set_tid_count == 0 && !(a.flags & ~0xffffffffull);
}

bool wanted_by(const Call& call, NewTask* wanted) {
  const u64* a = call.args;
  switch (call.row->handler) {
    case Handler::clone3:
      return wanted_by_clone3(call, wanted);
    case Handler::fork:
      *wanted = NewTask{
          .flags = 0, .stack = 0, .parent_tid = 0, .child_tid = 0, .tls = 0, .pidfd = 0, .exit_signal = kSIGCHLD};
      return true;
    case Handler::vfork:
      *wanted = NewTask{.flags = kVm | kVfork,
                        .stack = 0,
                        .parent_tid = 0,
                        .child_tid = 0,
                        .tls = 0,
                        .pidfd = 0,
                        .exit_signal = kSIGCHLD};
      return true;
    default:
      *wanted = NewTask{.flags = a[0] & ~0xffull,
                        .stack = a[1],
                        .parent_tid = a[2],
                        .child_tid = a[3],
                        .tls = a[4],
                        .pidfd = a[2],
                        .exit_signal = a[0] & 0xff};
      return true;
  }
}

void log_start_call(const Call& call, const NewTask& wanted, i64 result) {
  EventBuilder event(abi::EventKind::syscall, static_cast<u16>(call.number), call.task->number);
  for (int i = 0; i < call.row->arguments; i++) event.arg(call.args[i]);
  if (!failed(result)) {
    if (wanted.flags & kPidFd) event.output(0, wanted.pidfd, 4);
    if (wanted.flags & kParentSetTid) event.output(2, wanted.parent_tid, 4);
    if ((wanted.flags & kChildSetTid) && (wanted.flags & kVm)) event.output(3, wanted.child_tid, 4);
  }
  event.commit(result);
}

i64 start(Call& call) {
  NewTask wanted;
  i64 result;
  if (!wanted_by(call, &wanted)) {
    result = -kENOSYS;
    log_call(call, result);
    return result;
  }
  Task* task = call.task;
  result = (wanted.flags & kVm) ? start_in_our_memory(task, wanted) : start_elsewhere(task, wanted);
  if (!task->passthrough) log_start_call(call, wanted, result);
  return result;
}

// One entry of a robust list: the kernel's handle_futex_death.
void futex_death(Task* task, u64 word_address, bool pi, bool pending) {
  u32 word;
  if (word_address & 3 || !read_program(word_address, &word)) return;
  if (pending && !pi && word == 0) {
    wake_futex(word_address, 1, ~0u);
    return;
  }
  if ((word & kFutexTidMask) != task->tid) return;
  if (pi) {
    unlock_pi(word_address, kFutexOwnerDied);
  } else {
    write_program(word_address, (word & kFutexWaiters) | kFutexOwnerDied);
    if (word & kFutexWaiters) wake_futex(word_address, 1, ~0u);
  }
  log_data(task->number, 0, word_address, 4);
}

void walk_robust_list(Task* task) {
  struct {
    u64 next;
    i64 offset;
    u64 pending;
  } head;
  if (!task->robust_list ||
      ckpt_agent_copy(&head, reinterpret_cast<void*>(task->robust_list), sizeof head) != sizeof head)
    return;
  u64 entry = head.next;
  for (u32 limit = 0; limit < 2048 && (entry & ~1ull) != task->robust_list; limit++) {
    u64 next;
    bool have_next = read_program(entry & ~1ull, &next);
    if (entry != head.pending) futex_death(task, (entry & ~1ull) + static_cast<u64>(head.offset), entry & 1, false);
    if (!have_next) break;
    entry = next;
  }
  if (head.pending) futex_death(task, (head.pending & ~1ull) + static_cast<u64>(head.offset), head.pending & 1, true);
}

[[noreturn]] void exit_thread(Call& call) {
  Task* task = call.task;
  u64 status = call.args[0];
  if (control().live_tasks == 1 && !task->vfork_child) {
    log_call(call, 0);
    log_end(task, abi::EndHow::exit_group, static_cast<i64>(status & 0xff));
    raw_syscall(__NR_exit_group, status);
  }
  leave_memory_as_kernel_would(task);
  log_call(call, 0);
  end_task(task, static_cast<i64>(status));
  if (task->vfork_child) control().children++;
  block_everything();  // no signal may find this slot any more
  give_turn(task, abi::TurnGiven::task_end);
  store(task->state, static_cast<u32>(kSlotFree));
  ckpt_agent_exit_thread(status);
}

[[noreturn]] void exit_all(Call& call) {
  Task* task = call.task;
  if (task->vfork_child) exit_thread(call);
  log_call(call, 0);
  log_end(task, abi::EndHow::exit_group, static_cast<i64>(call.args[0] & 0xff));
  for (;;) raw_syscall(__NR_exit_group, call.args[0]);
}

void set_tsc(bool traps) { raw_syscall(__NR_prctl, 26, traps ? 2 : 1, 0, 0, 0); }

i64 exec(Call& call) {
  Task* task = call.task;
  if (control().trap_mode != 0) {  // the new program would die at its first call
    report_refused(call.number, 0);
    log_call(call, -kEPERM);
    return -kEPERM;
  }
  // What it runs is not recorded: give it the kernel's view of everything we changed.
  if (task->tsc_traps) set_tsc(false);
  u64 mask = task->mask;
  raw_syscall(__NR_rt_sigprocmask, 2, reinterpret_cast<u64>(&mask), 0, 8);
  i64 result;
  if (task->vfork_child) {
    give_turn(task, abi::TurnGiven::at_entry);
    result = perform(call);
    take_turn(task);
  } else {
    store(control().execs, 1u);
    result = perform(call);
    store(control().execs, 0u);
  }
  if (task->tsc_traps) set_tsc(true);
  set_kernel_mask(task, task->mask);
  log_call(call, result);
  return result;
}

i64 set_arch(Call& call) {
  i64 result;
  switch (call.args[0]) {
    case 0x1001: result = -kEPERM; break;  // ARCH_SET_GS: GS is ours
    case 0x1004: result = write_program(call.args[1], u64{0}) ? 0 : -kEFAULT; break;
    default: result = perform(call);
  }
  EventBuilder event(abi::EventKind::syscall, static_cast<u16>(call.number), call.task->number);
  event.arg(call.args[0]);
  event.arg(call.args[1]);
  bool gets = call.args[0] == 0x1003 || call.args[0] == 0x1004;
  if (gets && !failed(result)) event.output(1, call.args[1], 8);
  event.commit(result);
  if (call.args[0] == 0x1001) report_refused(call.number, call.args[0]);
  return result;
}

i64 get_robust_list(Call& call) {
  Task* task = call.task;
  if (call.args[0] != 0 && call.args[0] != task->tid) return -kEPERM;
  bool written = write_program(call.args[1], task->robust_list) && write_program(call.args[2], task->robust_bytes);
  return written ? 0 : -kEFAULT;
}

}  // namespace

void leave_memory_as_kernel_would(Task* task) {
  walk_robust_list(task);
  if (!task->clear_child_tid) return;
  if (write_program(task->clear_child_tid, u32{0})) log_data(task->number, 0, task->clear_child_tid, 4);
  wake_futex(task->clear_child_tid, 1, ~0u);
}

i64 record_prctl(Call& call);

i64 record_task(Call& call) {
  Task* task = call.task;
  i64 result = 0;
  switch (call.row->handler) {
    case Handler::clone: case Handler::clone3: case Handler::fork: case Handler::vfork:
      return start(call);
    case Handler::exec:
      return exec(call);
    case Handler::exit:
      exit_thread(call);
    case Handler::exit_group:
      exit_all(call);
    case Handler::set_tid_address:
      task->clear_child_tid = call.args[0];
      result = task->tid;
      break;
    case Handler::set_robust_list:
      if (call.args[1] != 24) {
        result = -kEINVAL;
      } else {
        task->robust_list = call.args[0];
        task->robust_bytes = call.args[1];
      }
      break;
    case Handler::get_robust_list:
      result = get_robust_list(call);
      break;
    case Handler::rseq:
      result = -kENOSYS;
      break;
    case Handler::arch_prctl:
      return set_arch(call);
    case Handler::prctl:
      return record_prctl(call);
    default:  // yield
      log_call(call, 0);
      begin_points(task);
      yield_turn(task, abi::TurnGiven::after_event, true);
      return 0;
  }
  log_call(call, result);
  return result;
}

// A new thread's first agent code, on its own stack, every signal blocked.
extern "C" void ckpt_agent_task_started(Task* task) {
  set_gs(task);
  task->tid = static_cast<u32>(raw_syscall(__NR_gettid));
  const SignalStack ours{reinterpret_cast<u64>(task) + kSignalStackOffset, 0, 0, kSignalStackBytes};
  raw_syscall(__NR_sigaltstack, reinterpret_cast<u64>(&ours), 0);
  if (task->passthrough) {
    raw_syscall(__NR_sigaltstack, reinterpret_cast<u64>(&task->altstack), 0);
    arm_dispatch(task);
    unblock(task->mask);
    return;
  }
  arm_dispatch(task);
  set_kernel_mask(task, task->mask);
  if (task->vfork_child)
    take_turn(task);
  else
    wait_for_turn(task);  // its parent put it into the queue
  finish_event(task);
}

void log_end(Task* task, abi::EndHow how, i64 status) {
  if (control().verify) {
    // It takes its time, in which the program natively would be gone: nothing may end it otherwise now.
    if (how == abi::EndHow::exit_group) ignore_fatal_signals(task);
    ask(abi::Request::final_hash);
  }
  EventBuilder event(abi::EventKind::end, static_cast<u16>(how), task->number);
  event.commit(status);
}

}  // namespace ckpt::agent
