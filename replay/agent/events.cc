// Reading the log that the supervisor puts into the ring, and saying where it disagrees.
#include "record/agent/request.h"
#include "replay/agent/replay.h"

namespace ckpt::agent {

namespace {

u64 taken;      // bytes consumed; published now and then
u64 known_written;

void publish(abi::Control& shared) {
  store(shared.ring_read, taken);
  store(shared.wake_supervisor, 1u);
  futex_wake(&shared.wake_supervisor);
}

// Waits for the supervisor to add events. False: there are no more.
bool wait_for_events(abi::Control& shared) {
  publish(shared);
  for (;;) {
    u32 seen = load(shared.producer_waits);
    bool last = load(shared.discard);  // set after the last event was written
    known_written = load(shared.ring_written);
    if (known_written != taken) return true;
    if (last) return false;
    Timespec second{1, 0};
    futex_wait(&shared.producer_waits, seen, &second);
    if (raw_syscall(__NR_kill, shared.supervisor_pid, 0) == -kESRCH) raw_syscall(__NR_exit_group, 125);
  }
}

}  // namespace

const abi::EventHeader* next_event() {
  abi::Control& shared = control();
  if (taken == known_written && !wait_for_events(shared)) return nullptr;
  return reinterpret_cast<const abi::EventHeader*>(zone() + abi::kRingOffset + (taken & (abi::kRingBytes - 1)));
}

void consume_event() {
  abi::Control& shared = control();
  taken += next_event()->bytes;
  shared.events_written++;
  if (taken - shared.ring_read >= abi::kRingBytes / 4) publish(shared);
}

void apply_outputs(const abi::EventHeader* event) {
  visit_parts(event, [](const abi::Part& part, const void* bytes) {
    if (part.role == abi::PartRole::output) ckpt_agent_copy(reinterpret_cast<void*>(part.address), bytes, part.bytes);
  });
}

void compare_inputs(Task* task, const abi::EventHeader* event) {
  visit_parts(event, [&](const abi::Part& part, const void* bytes) {
    if (part.role != abi::PartRole::input) return;
    auto* expected = static_cast<const u8*>(bytes);
    u8 met[64];
    for (u64 done = 0; done < part.bytes;) {
      u64 count = part.bytes - done < 64 ? part.bytes - done : 64;
      u64 got = ckpt_agent_copy(met, reinterpret_cast<void*>(part.address + done), count);
      for (u64 i = 0; i < count; i++)
        if (i >= got || met[i] != expected[done + i])
          diverge(task, abi::Divergence::input, part.argument, part.address, done + i);
      done += count;
    }
  });
}

void diverge(Task* task, abi::Divergence what, u64 a, u64 b, u64 c) {
  if (task->frame) copy_bytes(exchange(), task->frame, sizeof(Frame));
  u64 event = reinterpret_cast<u64>(next_event());
  if (event) copy_bytes(exchange() + 4096, reinterpret_cast<void*>(event), 4096);
  ask(abi::Request::replay_diverged, static_cast<u64>(what), task->number, a, b, c, event != 0);
  for (;;) raw_syscall(__NR_exit_group, 3);
}

void reached_end(Task* task, bool exact) {
  if (task->frame) copy_bytes(exchange(), task->frame, sizeof(Frame));
  ask(abi::Request::replay_end, task->number, !exact);
  for (;;) raw_syscall(__NR_exit_group, 0);
}

}  // namespace ckpt::agent
