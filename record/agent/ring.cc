#include "record/agent/ring.h"

#include "record/agent/request.h"

namespace ckpt::agent {

namespace {

u64 known_read;     // what ring_read was when last looked at
u64 woken_at;       // ring_written when the supervisor was last woken

u64 ring_at(u64 count) { return zone() + abi::kRingOffset + (count & (abi::kRingBytes - 1)); }

void wake_supervisor(abi::Control& shared) {
  store(shared.wake_supervisor, 1u);
  futex_wake(&shared.wake_supervisor);
}

void wait_for_room(abi::Control& shared) {
  Timespec half{0, 500'000'000};
  for (;;) {
    if (shared.discard) shared.ring_read = shared.ring_written;  // nobody reads any more
    known_read = load(shared.ring_read);
    if (shared.ring_written + kEventRoom - known_read <= abi::kRingBytes) return;
    wake_supervisor(shared);
    u32 seen = load(shared.producer_waits);
    if (load(shared.ring_read) != known_read) continue;
    futex_wait(&shared.producer_waits, seen, &half);
    if (load(shared.ring_read) == known_read && supervisor_is_gone()) {
      if (!shared.go_on_without_supervisor) raw_syscall(__NR_exit_group, 125);
      // Nobody reads any more: write over what is there.
      shared.discard = 1;
      shared.ring_read = known_read = shared.ring_written;
    }
  }
}

}  // namespace

EventBuilder::EventBuilder(abi::EventKind kind, u16 number, u32 task) {
  abi::Control& shared = control();
  if (shared.ring_written + kEventRoom - known_read > abi::kRingBytes) wait_for_room(shared);
  u64 start = ring_at(shared.ring_written);
  header_ = reinterpret_cast<abi::EventHeader*>(start);
  header_->kind = kind;
  header_->args = 0;
  header_->number = number;
  header_->task = task;
  header_->time_100us = shared.time_100us;
  at_ = start + sizeof(abi::EventHeader);
  limit_ = start + kEventRoom;
}

void EventBuilder::part(abi::PartRole role, u8 argument, u64 address, u64 from, u64 bytes, u16 cut) {
  AGENT_ASSERT(bytes + sizeof(abi::Part) + 8 <= room(), bytes, room());
  auto* head = reinterpret_cast<abi::Part*>(at_);
  u64 body = at_ + sizeof(abi::Part);
  u64 padded = round_up(bytes, 8);
  if (padded) *reinterpret_cast<u64*>(body + padded - 8) = 0;
  u64 got = ckpt_agent_copy(reinterpret_cast<void*>(body), reinterpret_cast<void*>(from), bytes);
  if (got < bytes) {  // the program passed memory that is not there
    bytes = got;
    padded = round_up(bytes, 8);
    if (padded) zero_bytes(reinterpret_cast<void*>(body + bytes), padded - bytes);
  }
  *head =
      abi::Part{.address = address, .bytes = static_cast<u32>(bytes), .role = role, .argument = argument, .cut = cut};
  at_ = body + padded;
}

void EventBuilder::input(u8 argument, u64 address, u64 bytes, bool whole) {
  u16 cut = 0;
  if (!whole && bytes > abi::kInputKept) {
    bytes = abi::kInputKept;
    cut = 1;
  }
  if (bytes > 8192) {
    bytes = 8192;
    cut = 1;
  }
  part(abi::PartRole::input, argument, address, address, bytes, cut);
}

void EventBuilder::commit(i64 result) {
  abi::Control& shared = control();
  header_->result = result;
  header_->bytes = static_cast<u32>(at_ - reinterpret_cast<u64>(header_));
  shared.events_written++;
  u64 written = shared.ring_written + header_->bytes;
  store(shared.ring_written, written);
  if (written - woken_at >= abi::kRingBytes / 4) {
    woken_at = written;
    wake_supervisor(shared);
  }
}

void log_data(u32 task, u8 argument, u64 address, u64 bytes) {
  while (bytes) {
    u64 piece = bytes < abi::kMaxPartBytes ? bytes : abi::kMaxPartBytes;
    EventBuilder event(abi::EventKind::data, 0, task);
    event.output(argument, address, piece);
    event.commit(static_cast<i64>(piece));
    address += piece;
    bytes -= piece;
  }
}

}  // namespace ckpt::agent
