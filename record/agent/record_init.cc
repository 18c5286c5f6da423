// The agent's first code: takes over what the program already set up, moves the vDSO, has
// checkpoint 0 taken, and from the last line on sees every call.
#include "record/agent/call.h"
#include "record/agent/params.h"
#include "record/agent/request.h"
#include "record/agent/signals.h"
#include "record/agent/turn.h"
#include "record/agent/vdso.h"

namespace ckpt::agent {

namespace {

constexpr u64 kGetTidAddress = 40;

void take_over_actions(Task* task) {
  for (int signal = 1; signal <= 64; signal++) {
    raw_syscall(__NR_rt_sigaction, static_cast<u64>(signal), 0, reinterpret_cast<u64>(&task->actions[signal]), 8);
    if (signal != kSIGKILL && signal != kSIGSTOP &&
        ((kNeverBlocked & signal_bit(signal)) || task->actions[signal].handler > 1))
      install_kernel_action(signal);
  }
  raw_syscall(__NR_rt_sigprocmask, 0, 0, reinterpret_cast<u64>(&task->mask), 8);
  set_kernel_mask(task, task->mask);
  const SignalStack ours{reinterpret_cast<u64>(task) + kSignalStackOffset, 0, 0, kSignalStackBytes};
  raw_syscall(__NR_sigaltstack, reinterpret_cast<u64>(&ours), reinterpret_cast<u64>(&task->altstack));
}

void take_over_thread(Task* task) {
  task->tid = static_cast<u32>(raw_syscall(__NR_gettid));
  task->fs_base = get_fs();
  raw_syscall(__NR_get_robust_list, 0, reinterpret_cast<u64>(&task->robust_list),
              reinterpret_cast<u64>(&task->robust_bytes));
  raw_syscall(__NR_set_robust_list, 0, 24);
  raw_syscall(__NR_prctl, kGetTidAddress, reinterpret_cast<u64>(&task->clear_child_tid), 0, 0, 0);
  task->kernel_tid_word = 1;
  raw_syscall(__NR_set_tid_address, reinterpret_cast<u64>(&task->kernel_tid_word));
}

bool starts_with(const char* text, const char* prefix) {
  while (*prefix)
    if (*text++ != *prefix++) return false;
  return true;
}

u64 length(const char* text) {
  u64 n = 0;
  while (text[n]) n++;
  return n;
}

void remove_entry(char** at) {
  do at[0] = at[1];
  while (*at++);
}

// Our variables: CKPT_SESSION goes; in LD_PRELOAD the shim comes first, then a colon and the
// user's own; in GLIBC_TUNABLES ours is last.
void clean_environment(char** environment) {
  constexpr char kTunable[] = "glibc.pthread.rseq=0";
  constexpr u64 kTunableBytes = sizeof kTunable - 1, kPreloadName = 11;
  for (char** at = environment; *at;) {
    char* entry = *at;
    if (starts_with(entry, "CKPT_SESSION=")) {
      remove_entry(at);
      continue;
    }
    if (starts_with(entry, "LD_PRELOAD=")) {
      char* rest = entry + kPreloadName;
      while (*rest && *rest != ':') rest++;
      if (!*rest) {
        remove_entry(at);
        continue;
      }
      u64 n = length(rest + 1);
      for (u64 i = 0; i <= n; i++) entry[kPreloadName + i] = rest[1 + i];
    }
    if (starts_with(entry, "GLIBC_TUNABLES=")) {
      u64 n = length(entry);
      if (n == 15 + kTunableBytes) {
        remove_entry(at);
        continue;
      }
      if (n > 16 + kTunableBytes && starts_with(entry + n - kTunableBytes, kTunable)) entry[n - kTunableBytes - 1] = 0;
    }
    at++;
  }
}

void place_vdso() {
  ask(abi::Request::hello, zone());
  const u64* r = control().results;
  move_vdso(VdsoPlace{r[1], r[2], r[3], r[4]});
}

// What the image needs of this task, at the start of the exchange buffer.
void describe_first_task(Task* task) {
  u8* at = exchange();
  copy_bytes(at, task->frame, sizeof(Frame));
  auto* state = reinterpret_cast<FirstState*>(at + sizeof(Frame));
  copy_bytes(&state->task, task, sizeof(Task));
  copy_bytes(state->actions, process_actions, sizeof process_actions);
  copy_bytes(&state->process, &process, sizeof process);
  zero_bytes(at + 32768, xsave_size);
  xsave(at + 32768);
}

}  // namespace

ShimTable* shim_table;

void initialise(Task* task) {
  auto* params = reinterpret_cast<ShimParams*>(task->frame->rdi);
  process.pid = static_cast<u32>(raw_syscall(__NR_getpid));
  process.tsc_mode = 1;
  u64 limit[2] = {};
  raw_syscall(__NR_prlimit64, 0, 3, 0, reinterpret_cast<u64>(limit));
  process.stack_limit = limit[0];
  process.program_break = static_cast<u64>(raw_syscall(__NR_brk, 0));
  find_xsave();
  take_over_thread(task);
  take_over_actions(task);
  clean_environment(params->environment);
  place_vdso();
  params->table->point = zone() + CKPT_BLOB_POINT;
  params->table->random = zone() + CKPT_BLOB_RANDOM;
  params->table->attention = control().calls ? &control().calls : &control().attention;
  params->table->enabled = 1;
  shim_table = params->table;
  control().live_tasks = 1;
  task->frame->rax = 0;
  describe_first_task(task);
  ask(abi::Request::image, sizeof(Frame), sizeof(FirstState), xsave_size, task->tid, task->fs_base);
  first_turn(task);
  arm_dispatch(task);
  prepare_code(task, 0, 0);
}

void report_refused(u64 number, u64 sub_call) { ask(abi::Request::refused, number, sub_call); }

extern "C" [[noreturn]] void ckpt_agent_restore() { agent_failed(__LINE__); }

}  // namespace ckpt::agent
