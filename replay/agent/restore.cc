// The first code of a replaying process: empties the address space, lets the supervisor build
// checkpoint 0 through commands, and goes on as its first task.
#include "record/agent/params.h"
#include "record/agent/request.h"
#include "record/agent/signals.h"
#include "replay/agent/replay.h"

namespace ckpt::agent {

extern "C" const char ckpt_agent_handler[], ckpt_agent_restorer[];

// Through a register: a constant struct with an address in it would need a relocation.
static u64 address_of(const char* symbol) {
  asm("" : "+r"(symbol));
  return reinterpret_cast<u64>(symbol);
}

namespace {

constexpr u64 kUserEnd = 0x7ffffffff000, kLowest = 0x10000;

void unmap_everything() {
  raw_syscall(__NR_munmap, kLowest, zone() - kLowest);
  raw_syscall(__NR_munmap, zone() + abi::kZoneBytes, kUserEnd - zone() - abi::kZoneBytes);
}

void install_handlers(Task* task) {
  const SignalStack ours{reinterpret_cast<u64>(task) + kSignalStackOffset, 0, 0, kSignalStackBytes};
  raw_syscall(__NR_sigaltstack, reinterpret_cast<u64>(&ours), 0);
  KernelAction action{address_of(ckpt_agent_handler), kSaSiginfo | kSaOnStack | kSaRestorer,
                      address_of(ckpt_agent_restorer), ~0ull};
  for (int signal = 1; signal <= 64; signal++)
    if (signal_bit(signal) & (kFaultSignals | signal_bit(kSIGSYS)))
      raw_syscall(__NR_rt_sigaction, static_cast<u64>(signal), reinterpret_cast<u64>(&action), 0, 8);
  u64 mask = ~(kFaultSignals | signal_bit(kSIGSYS));
  raw_syscall(__NR_rt_sigprocmask, 2, reinterpret_cast<u64>(&mask), 0, 8);
}

// The image's first task, from the exchange buffer.
void take_first_task(Task* task) {
  const u8* at = exchange();
  auto* state = reinterpret_cast<const FirstState*>(at + sizeof(Frame));
  const Task& saved = state->task;
  task->number = saved.number;
  task->tid = saved.tid;
  task->mask = saved.mask;
  task->altstack = SignalStack{saved.altstack.sp, saved.altstack.flags, 0, saved.altstack.bytes};
  task->fs_base = saved.fs_base;
  copy_bytes(process_actions, state->actions, sizeof process_actions);
  copy_bytes(&process, &state->process, sizeof process);
  task->frame = reinterpret_cast<Frame*>(task->stack_top - sizeof(Frame));
  copy_bytes(task->frame, at, sizeof(Frame));
  task->entry = &task->trap;
  copy_bytes(xsave_room(task), at + kFirstVectorsOffset, xsave_size);
}

}  // namespace

extern "C" void ckpt_agent_restore_main() {
  unmap_everything();
  find_xsave();
  Task* task = new_task();
  set_gs(task);
  install_handlers(task);
  ask(abi::Request::hello, zone());   // the supervisor builds the image
  ask(abi::Request::image);           // and gives the first task
  take_first_task(task);
  set_fs(task->fs_base);
  limit_stack(process.stack_limit);
  if (control().trap_tsc) raw_syscall(__NR_prctl, 26, 2, 0, 0, 0);
  arm_dispatch(task);
  after_event(task);
  xrstor(xsave_room(task));
}

void initialise(Task*) { agent_failed(__LINE__); }

}  // namespace ckpt::agent
