#include "record/supervisor/channel.h"

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <utility>

namespace ckpt {

namespace {

constexpr size_t kMappedBytes = abi::kSharedBytes + abi::kRingBytes;

uint32_t load(const uint32_t& word) { return __atomic_load_n(&word, __ATOMIC_ACQUIRE); }

void futex_wait(uint32_t* word, uint32_t expected, uint64_t timeout_us) {
  timespec limit{static_cast<time_t>(timeout_us / 1'000'000), static_cast<long>(timeout_us % 1'000'000 * 1000)};
  ::syscall(SYS_futex, word, FUTEX_WAIT, expected, &limit, nullptr, 0);
}

void futex_wake(uint32_t* word) { ::syscall(SYS_futex, word, FUTEX_WAKE, 1, nullptr, nullptr, 0); }

}  // namespace

Result<Channel> Channel::create() {
  Channel channel;
  channel.fd_ = ::memfd_create("ckpt", MFD_CLOEXEC);
  if (channel.fd_ < 0 || ::ftruncate(channel.fd_, abi::kSharedBytes) != 0)
    return io_error("shared memory of the recording");
  void* base = ::mmap(nullptr, kMappedBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) return io_error("shared memory of the recording");
  channel.base_ = static_cast<std::byte*>(base);
  constexpr int kProtection = PROT_READ | PROT_WRITE, kFlags = MAP_SHARED | MAP_FIXED;
  constexpr size_t kBeforeRing = abi::kControlBytes + abi::kExchangeBytes;
  if (::mmap(base, abi::kSharedBytes, kProtection, kFlags, channel.fd_, 0) == MAP_FAILED ||
      ::mmap(channel.base_ + abi::kSharedBytes, abi::kRingBytes, kProtection, kFlags, channel.fd_, kBeforeRing) ==
          MAP_FAILED)
    return io_error("shared memory of the recording");
  channel.control().abi_version = abi::kAbiVersion;
  channel.control().supervisor_pid = static_cast<uint32_t>(::getpid());
  return channel;
}

Channel::Channel(Channel&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), base_(std::exchange(other.base_, nullptr)) {}

Channel& Channel::operator=(Channel&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(base_, other.base_);
  return *this;
}

Channel::~Channel() {
  if (base_) ::munmap(base_, kMappedBytes);
  if (fd_ >= 0) ::close(fd_);
}

bool Channel::asked() const {
  const auto& shared = *reinterpret_cast<const abi::Control*>(base_);
  return load(shared.request_number) != shared.answer_number;
}

void Channel::answer(uint64_t value) {
  control().results[0] = value;
  control().command = abi::Command::done;
  __atomic_store_n(&control().answer_number, control().request_number, __ATOMIC_RELEASE);
  futex_wake(&control().answer_number);
}

bool Channel::command(abi::Command command, std::span<const uint64_t> args, uint64_t* result,
                      const std::function<bool()>& alive) {
  for (size_t i = 0; i < args.size() && i < 8; i++) control().args[i] = args[i];
  control().command = command;
  uint32_t number = control().request_number;
  __atomic_store_n(&control().answer_number, number, __ATOMIC_RELEASE);
  futex_wake(&control().answer_number);
  for (uint32_t spin = 0; load(control().request_number) == number; spin++) {
    if (spin < 2000) {
      __builtin_ia32_pause();
      continue;
    }
    wait(20'000);
    if (load(control().request_number) == number && !alive()) return false;
  }
  *result = control().results[0];
  return true;
}

void Channel::wait(uint64_t timeout_us) {
  futex_wait(&control().wake_supervisor, 0, timeout_us);
  __atomic_store_n(&control().wake_supervisor, 0u, __ATOMIC_RELAXED);
}

}  // namespace ckpt
