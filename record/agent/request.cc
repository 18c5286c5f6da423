// See request.h. While it waits, the agent is the supervisor's hand inside the program: it
// copies memory and makes calls, so that nothing needs ptrace or process_vm_readv.
#include "record/agent/request.h"

namespace ckpt::agent {

namespace {

void post(abi::Control& shared) {
  store(shared.request_number, shared.request_number + 1);
  store(shared.wake_supervisor, 1u);
  futex_wake(&shared.wake_supervisor);
}

void wait_for_answer(abi::Control& shared) {
  u32 number = shared.request_number;
  if (shared.discard && !shared.replaying) {  // it is gone
    shared.command = abi::Command::done;
    zero_bytes(shared.results, sizeof shared.results);
    return;
  }
  for (u32 spin = 0; spin < 200; spin++) {
    if (load(shared.answer_number) == number) return;
    __builtin_ia32_pause();
  }
  Timespec second{1, 0};
  while (load(shared.answer_number) != number) {
    futex_wait(&shared.answer_number, number - 1, &second);
    if (load(shared.answer_number) != number && supervisor_is_gone()) {
      // Nobody will ever answer.
      if (!shared.go_on_without_supervisor || shared.replaying) raw_syscall(__NR_exit_group, 125);
      shared.discard = 1;
      shared.command = abi::Command::done;
      zero_bytes(shared.results, sizeof shared.results);
      return;
    }
  }
}

void obey(abi::Control& shared) {
  u64* a = shared.args;
  if (shared.command == abi::Command::copy)
    shared.results[0] = ckpt_agent_copy(exchange(), reinterpret_cast<void*>(a[0]), a[1]);
  else if (shared.command == abi::Command::fill)
    shared.results[0] = ckpt_agent_copy(reinterpret_cast<void*>(a[0]), exchange(), a[1]);
  else if (shared.command == abi::Command::call)
    shared.results[0] = static_cast<u64>(raw_syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]));
}

}  // namespace

bool supervisor_is_gone() {
  u64 pid = control().supervisor_pid;
  if (raw_syscall(__NR_kill, pid, 0) == -kESRCH) return true;
  // Killed, but not waited for: it has a pid, and no memory. Alive it says EFAULT or EPERM.
  u8 byte;
  u64 local[2] = {reinterpret_cast<u64>(&byte), 1}, remote[2] = {0, 1};
  return raw_syscall(__NR_process_vm_readv, pid, reinterpret_cast<u64>(local), 1, reinterpret_cast<u64>(remote), 1,
                     0) == -kESRCH;
}

u64 ask(abi::Request request, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) {
  abi::Control& shared = control();
  const u64 values[] = {a, b, c, d, e, f};
  for (int i = 0; i < 6; i++) shared.args[i] = values[i];
  shared.request = request;
  post(shared);
  wait_for_answer(shared);
  while (shared.command != abi::Command::done) {
    obey(shared);
    shared.request = abi::Request::copied;
    post(shared);
    wait_for_answer(shared);
  }
  return shared.results[0];
}

}  // namespace ckpt::agent
