// Writing events into the shared ring (recording). Only the holder of the turn writes.
//
//   EventBuilder event(EventKind::syscall, nr, task->number);
//   event.arg(fd); event.output(1, address, bytes);
//   event.commit(result);
//
// A builder reserves room when made: nothing else may write events until it is committed.
#pragma once

#include "record/agent/base.h"

namespace ckpt::agent {

class EventBuilder {
 public:
  EventBuilder(abi::EventKind kind, u16 number, u32 task);
  void arg(u64 value) {
    *reinterpret_cast<u64*>(at_) = value;
    at_ += 8;
    header_->args++;
  }
  // Bytes the kernel wrote into program memory. At most kMaxPartBytes.
  void output(u8 argument, u64 address, u64 bytes) {
    part(abi::PartRole::output, argument, address, address, bytes, 0);
  }
  // Bytes the program passed; at most kInputKept unless `whole`.
  void input(u8 argument, u64 address, u64 bytes, bool whole);
  // Bytes at `from` of ours, said to be at `address` of the program.
  void part(abi::PartRole role, u8 argument, u64 address, u64 from, u64 bytes, u16 cut);
  // How much more fits.
  u64 room() const { return limit_ - at_; }
  void commit(i64 result);

 private:
  abi::EventHeader* header_;
  u64 at_, limit_;
};

// Logs `bytes` at `address` ahead of the event they belong to, in pieces.
void log_data(u32 task, u8 argument, u64 address, u64 bytes);

inline constexpr u64 kEventRoom = abi::kMaxPartBytes + (64u << 10);

}  // namespace ckpt::agent
