// The memory shared with the agent, seen from outside: the ring, requests, and the agent's
// hand inside the program. Recording and replay both use it.
//
// Owns:    the memfd and its mapping.
// Threads: one; the agent on the other side.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <span>
#include <string>

#include "record/agent/abi.h"
#include "trace/base/result.h"

namespace ckpt {

class Channel final {
 public:
  static Result<Channel> create();
  Channel(Channel&& other) noexcept;
  Channel& operator=(Channel&& other) noexcept;
  ~Channel();

  int fd() const { return fd_; }
  abi::Control& control() { return *reinterpret_cast<abi::Control*>(base_); }
  std::byte* exchange() { return base_ + abi::kControlBytes; }
  // Mapped twice in a row: kRingBytes from any place are contiguous.
  std::byte* ring() { return base_ + abi::kControlBytes + abi::kExchangeBytes; }

  // A request is waiting for its answer.
  bool asked() const;
  // Ends the request: `value` goes to results[0]; set the others before.
  void answer(uint64_t value);
  // Has the agent carry out a command inside a request. `alive` is asked while waiting; false
  // if the agent ended first.
  bool command(abi::Command command, std::span<const uint64_t> args, uint64_t* result,
               const std::function<bool()>& alive);

  // Sleeps until the agent wants something or `timeout_us` passed.
  void wait(uint64_t timeout_us);

 private:
  Channel() = default;
  int fd_ = -1;
  std::byte* base_ = nullptr;
};

}  // namespace ckpt
