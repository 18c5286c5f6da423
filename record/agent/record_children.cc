// A child with memory of its own runs unrecorded: it gives back to the kernel what the agent
// took over, and the agent makes every call as it is, until an exec does away with it.
#include "record/agent/call.h"
#include "record/agent/params.h"
#include "record/agent/signals.h"
#include "record/agent/sites.h"

namespace ckpt::agent {

namespace {

bool starts_task(u64 number) {
  return number == __NR_clone || number == __NR_clone3 || number == __NR_fork || number == __NR_vfork;
}

}  // namespace

i64 record_task(Call& call);

void disarm_for_child(Task* task) {
  task->passthrough = 1;
  if (shim_table) shim_table->enabled = 0;
  for (int signal = 1; signal <= 64; signal++)
    if (signal != kSIGSYS)
      raw_syscall(__NR_rt_sigaction, static_cast<u64>(signal), reinterpret_cast<u64>(&task->actions[signal]), 0, 8);
  raw_syscall(__NR_sigaltstack, reinterpret_cast<u64>(&task->altstack), 0);
  raw_syscall(__NR_set_robust_list, task->robust_list, 24);
  remove_traps();
  if (task->tsc_traps) raw_syscall(__NR_prctl, 26, process.tsc_mode, 0, 0, 0);
  // Calls at unpatched sites must come here too: a thread started behind the agent's back
  // would share this task's slot.
  arm_dispatch(task);
}

void pass_through(Task* task) {
  Frame* f = task->frame;
  Call call{.task = task,
            .number = f->rax,
            .args = {f->rdi, f->rsi, f->rdx, f->r10, f->r8, f->r9},
            .row = nullptr,
            .before = {}};
  if (call.number == __NR_rt_sigreturn) {
    emulate_sigreturn(task);
    raw_syscall(__NR_rt_sigprocmask, 2, reinterpret_cast<u64>(&task->mask), 0, 8);
    raw_syscall(__NR_sigaltstack, reinterpret_cast<u64>(&task->altstack), 0);
    return;
  }
  u64 set;
  if (call.number == __NR_rt_sigprocmask && call.args[1] && call.args[3] == 8 && read_program(call.args[1], &set)) {
    constexpr u64 kUnblock = 1;
    if (call.args[0] != kUnblock) set &= ~signal_bit(kSIGSYS);  // the kernel kills for a blocked one
    call.args[1] = reinterpret_cast<u64>(&set);
    f->rax = static_cast<u64>(perform(call));
    return;
  }
  if (starts_task(call.number)) {
    call.row = model::row_of(static_cast<u32>(call.number));
    f->rax = static_cast<u64>(record_task(call));
    return;
  }
  f->rax = static_cast<u64>(perform(call));
}

}  // namespace ckpt::agent
