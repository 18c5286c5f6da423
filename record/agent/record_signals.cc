// Signals while recording: keeping what arrives, delivering at events, and the kernel's view
// of actions and masks.
#include "record/agent/call.h"
#include "record/agent/request.h"
#include "record/agent/signals.h"
#include "record/agent/turn.h"

namespace ckpt::agent {

using model::Handler;

extern "C" const char ckpt_agent_handler[], ckpt_agent_restorer[];

// Through a register: a constant struct with an address in it would need a relocation.
static u64 address_of(const char* symbol) {
  asm("" : "+r"(symbol));
  return reinterpret_cast<u64>(symbol);
}

namespace {

constexpr u64 kOwned = kNeverBlocked;

void kernel_action(int signal, const KernelAction& action) {
  raw_syscall(__NR_rt_sigaction, static_cast<u64>(signal), reinterpret_cast<u64>(&action), 0, 8);
}

void log_signal(Task* task, int signal, abi::SignalHow how, const u8* info) {
  EventBuilder event(abi::EventKind::signal, static_cast<u16>(signal), task->number);
  event.arg(static_cast<u64>(how));
  event.arg(task->actions[signal].handler);
  event.arg(points_of(task));
  if (how == abi::SignalHow::synchronous) {
    event.arg(task->fault_error);
    event.arg(task->fault_trap);
  }
  if (how == abi::SignalHow::interrupted) {
    u64 state[abi::kStateWords];
    take_state(*task->frame, state);
    for (u64 word : state) event.arg(word);
  }
  event.part(abi::PartRole::input, 0, 0, reinterpret_cast<u64>(info), kSiginfoBytes, 0);
  event.commit(static_cast<i64>(task->fault_address));
}

// The default action ends the program. Does not return, but for a fault that the program is
// to meet again with the kernel's default action, so that a core dump shows the true place.
void die(Task* task, int signal, bool synchronous) {
  log_end(task, abi::EndHow::signal, signal);
  KernelAction fallback{0, kSaRestorer, address_of(ckpt_agent_restorer), 0};
  kernel_action(signal, fallback);
  u64 open = signal_bit(signal);
  raw_syscall(__NR_rt_sigprocmask, 1, reinterpret_cast<u64>(&open), 0, 8);
  if (synchronous && signal != kSIGTRAP) return;
  raw_syscall(__NR_tgkill, process.pid, task->tid, static_cast<u64>(signal));
  for (;;) raw_syscall(__NR_pause);
}

void deliver(Task* task, int signal, abi::SignalHow how) {
  u8 info[kSiginfoBytes];
  copy_bytes(info, task->pending_info[signal - 1], kSiginfoBytes);
  task->pending &= ~signal_bit(signal);
  switch (delivery_of(task, signal, false)) {
    case Delivery::ignored:
      set_kernel_mask(task, task->mask);
      return;
    case Delivery::fatal:
      log_signal(task, signal, how, info);
      die(task, signal, false);
      return;
    case Delivery::handled:
      break;
  }
  restart_after_handler(task, signal);
  log_signal(task, signal, how, info);
  begin_points(task);
  bool reset = task->actions[signal].flags & kSaResetHand;
  if (!push_signal_frame(task, signal, info, false)) die(task, kSIGSEGV, false);
  if (reset) install_kernel_action(signal);
  set_kernel_mask(task, task->mask);
}

u64 sigset_argument(u64 address) {
  u64 set = 0;
  read_program(address, &set);
  return set;
}

i64 suspend(Call& call) {
  Task* task = call.task;
  u64 set;
  i64 result = -kEFAULT;
  if (read_program(call.args[0], &set)) {
    begin_temporary_mask(task, set);
    u64 kernel_set = task->mask & ~kOwned;
    const u64 args[6] = {reinterpret_cast<u64>(&kernel_set), 8, 0, 0, 0, 0};
    result = perform_blocking(call, args);
  }
  log_call(call, result);
  return result;
}

i64 timed_wait(Call& call) {
  Task* task = call.task;
  u64 ours = task->pending & sigset_argument(call.args[0]);
  i64 result;
  if (ours) {
    int signal = __builtin_ctzll(ours) + 1;
    task->pending &= ~signal_bit(signal);
    if (call.args[1])
      ckpt_agent_copy(reinterpret_cast<void*>(call.args[1]), task->pending_info[signal - 1], kSiginfoBytes);
    set_kernel_mask(task, task->mask);
    result = signal;
  } else {
    result = perform_blocking_outputs(call);
  }
  log_call(call, result);
  return result;
}

// Whether the kernel would end the program for it. Those that stop it, and those that come to
// our handler in any case, are not meant.
bool ends_program(Task* task, int signal) {
  constexpr u64 kStop = signal_bit(kSIGSTOP) | signal_bit(20) | signal_bit(21) | signal_bit(22);
  return !((kStop | kOwned) & signal_bit(signal)) && task->actions[signal].handler == 0 &&
         delivery_of(task, signal, false) == Delivery::fatal;
}

// A program that sends itself what it dies of, by abort() for one: its memory can still be
// looked at. The kernel would leave no time for that.
i64 send_signal(Call& call) {
  Task* task = call.task;
  u64 signal = call.args[call.number == __NR_tgkill ? 2 : 1];
  bool to_task = call.number != __NR_kill;
  bool ours = call.args[0] == (call.number == __NR_tkill ? task->tid : process.pid);
  if (call.number == __NR_tgkill) ours &= call.args[1] == task->tid;
  bool open = signal >= 1 && signal <= 64 && !(task->mask & signal_bit(static_cast<int>(signal)));
  if (ours && open && !task->vfork_child && (to_task || alone() || signal == kSIGKILL) &&
      ends_program(task, static_cast<int>(signal))) {
    log_call(call, 0);
    die(task, static_cast<int>(signal), false);
  }
  i64 result = perform(call);
  log_call(call, result);
  return result;
}

// A signal that waits in the kernel and ends the program once `mask` lets it through, or 0.
int fatal_signal_behind(Task* task, u64 before, u64 mask) {
  u64 pending = 0;
  if (!(before & ~mask) || failed(raw_syscall(__NR_rt_sigpending, reinterpret_cast<u64>(&pending), 8))) return 0;
  for (pending &= before & ~mask; pending; pending &= pending - 1) {
    int signal = __builtin_ctzll(pending) + 1;
    if (ends_program(task, signal)) return signal;
  }
  return 0;
}

i64 change_mask(Call& call) {
  Task* task = call.task;
  u64 before = task->mask;
  i64 result = emulate_sigprocmask(task, call.args[0], call.args[1], call.args[2], call.args[3]);
  int fatal = failed(result) || !call.args[1] || task->vfork_child ? 0 : fatal_signal_behind(task, before, task->mask);
  if (!failed(result) && call.args[1] && !fatal) set_kernel_mask(task, task->mask);
  log_call(call, result);
  if (fatal) die(task, fatal, false);
  return result;
}

}  // namespace

void ignore_fatal_signals(Task* task) {
  constexpr u64 kIgnore = 1;
  const KernelAction ignore{kIgnore, kSaRestorer, address_of(ckpt_agent_restorer), 0};
  for (int signal = 1; signal <= 64; signal++)
    if (ends_program(task, signal)) kernel_action(signal, ignore);
}

void set_kernel_mask(Task* task, u64 mask) {
  u64 wanted = (mask | task->pending) & ~kOwned;
  raw_syscall(__NR_rt_sigprocmask, 2, reinterpret_cast<u64>(&wanted), 0, 8);
}

void install_kernel_action(int signal) {
  const KernelAction& wanted = current()->actions[signal];
  bool ours = (kOwned & signal_bit(signal)) || wanted.handler > 1;
  KernelAction action{wanted.handler, kSaRestorer | (wanted.flags & (kSaNoChildStop | kSaNoChildWait)),
                      address_of(ckpt_agent_restorer), ~0ull};
  if (ours) {
    action.handler = address_of(ckpt_agent_handler);
    action.flags |= kSaSiginfo | kSaOnStack;
  }
  kernel_action(signal, action);
}

bool on_trap(Task*, int, void*) { return false; }

void on_async_signal(Task* task, int signal, const void* info, void* context) {
  if (!(task->pending & signal_bit(signal))) {
    copy_bytes(task->pending_info[signal - 1], info, kSiginfoBytes);
    task->pending |= signal_bit(signal);
  }
  // Until it is delivered the kernel queues the next one.
  static_cast<UserContext*>(context)->mask |= signal_bit(signal) & ~kOwned;
  task->abort_blocking = 1;
  if (task->pending & ~task->mask) store(control().attention, 1u);
}

void deliver_signals(Task* task) {
  while (int signal = next_signal(task)) deliver(task, signal, abi::SignalHow::asynchronous);
  if (task->has_saved_mask) {
    end_temporary_mask(task);
    set_kernel_mask(task, task->mask);
  }
}

void on_fault(Task* task) {
  u8* raw = task->fault_info;
  int signal = *reinterpret_cast<int*>(raw);
  if (signal == kSIGSEGV && lift_guards(task)) {
    finish_event(task);
    return;
  }
  log_signal(task, signal, abi::SignalHow::synchronous, raw);
  if (delivery_of(task, signal, true) == Delivery::handled && push_signal_frame(task, signal, raw, true)) {
    install_kernel_action(signal);
    set_kernel_mask(task, task->mask);
    finish_event(task);
    return;
  }
  die(task, signal, true);
}

void on_interrupt(Task* task) {
  // The task made no event for long while another waited, or a signal did. Replay finds the
  // place by its registers and stack, which may not be enough: the trace is marked.
  abi::Control& shared = control();
  if (!turn_wanted() && !signal_waiting(task)) return;
  if (shared.inexact == 0) shared.inexact = shared.events_written + 1;
  if (int signal = next_signal(task))
    deliver(task, signal, abi::SignalHow::interrupted);
  else if (turn_wanted())
    yield_turn(task, abi::TurnGiven::interrupted, true);
  finish_event(task);
}

i64 record_signal_call(Call& call) {
  Task* task = call.task;
  i64 result;
  switch (call.row->handler) {
    case Handler::sigaction:
      result = emulate_sigaction(task, call.args[0], call.args[1], call.args[2], call.args[3]);
      if (!failed(result) && call.args[1]) install_kernel_action(static_cast<int>(call.args[0]));
      log_call(call, result);
      return result;
    case Handler::sigprocmask:
      return change_mask(call);
    case Handler::sigaltstack:
      result = emulate_sigaltstack(task, call.args[0], call.args[1]);
      log_call(call, result);
      return result;
    case Handler::sigreturn:
      log_call(call, 0);
      if (!emulate_sigreturn(task)) die(task, kSIGSEGV, false);
      set_kernel_mask(task, task->mask);
      return kFrameReplaced;
    case Handler::sigsuspend:
      return suspend(call);
    case Handler::sigtimedwait:
      return timed_wait(call);
    case Handler::sigpending: {
      result = perform(call);
      u64 set;
      if (!failed(result) && read_program(call.args[0], &set))
        write_program(call.args[0], (set & task->mask) | (task->pending & task->mask));
      log_call(call, result);
      return result;
    }
    case Handler::kill:
      return send_signal(call);
    default:  // pause
      result = perform_blocking(call, call.args);
      log_call(call, result);
      return result;
  }
}

}  // namespace ckpt::agent
