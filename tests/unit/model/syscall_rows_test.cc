// Every number has a row, and every row describes the arguments its signature promises.
#include <doctest/doctest.h>

#include "trace/model/names.h"
#include "trace/model/subcalls.h"
#include "trace/model/syscalls.h"

using namespace ckpt::model;

namespace {

bool is_memory(std::string_view type) {
  static constexpr std::string_view kMemory[] = {
      "path",     "text",       "in",        "out",       "inout",  "strings",      "int_at", "off_at",   "fds",
      "pollfds",  "fdset",      "sigset",    "sigaction", "stat",   "status",       "iovec",  "timespec", "timeval",
      "sockaddr", "itimerspec", "itimerval", "rlimit",    "msghdr", "epoll_events", "flock",  "winsize"};
  for (std::string_view name : kMemory)
    if (name == type) return true;
  return false;
}

bool is_value(std::string_view type) {
  static constexpr std::string_view kValues[] = {"fd",   "dirfd", "pid", "tid",  "int",    "uint",  "long",
                                                 "size", "off",   "hex", "mode", "signal", "clock", "ptr"};
  for (std::string_view name : kValues)
    if (name == type) return true;
  return false;
}

bool has_access(const Row& row, size_t argument) {
  for (int i = 0; i < row.accesses; ++i)
    if (row.access[i].argument == argument) return true;
  return false;
}

}  // namespace

TEST_CASE("rows: every number in the kernel headers has a row of that name") {
#define HEADER_NUMBER(call, value)       \
  REQUIRE_MESSAGE(row_of(value), #call); \
  CHECK(row_of(value)->number == value); \
  CHECK(syscall_name(value) == #call);
#include "header_numbers.inc"
#undef HEADER_NUMBER
}

TEST_CASE("rows: numbers without a meaning have no row") {
  for (uint32_t nr : {337u, 423u, kSyscallLimit, 512u, 0x40000000u, 0xffffffffu}) CHECK(row_of(nr) == nullptr);
  CHECK(syscall_name(700) == "syscall_700");
  CHECK(refusal_reason(700) == "the number has no row");
}

TEST_CASE("rows: an argument that is memory has an access, or someone who knows what it is") {
  for (uint32_t nr = 0; nr < kSyscallLimit; ++nr) {
    const Row* row = row_of(nr);
    if (row == nullptr || row->replay == Replay::refuse) continue;
    std::span<const Argument> arguments = arguments_of(nr);
    REQUIRE(arguments.size() == row->arguments);
    for (size_t i = 0; i < arguments.size(); ++i) {
      CAPTURE(syscall_name(nr));
      CAPTURE(i);
      // The iovec of another process is no memory of ours.
      bool foreign = arguments[i].name == "remote";
      CHECK((!is_memory(arguments[i].type) || foreign || has_access(*row, i)));
    }
  }
}

TEST_CASE("rows: every type in a signature is known to the printer") {
  for (uint32_t nr = 0; nr < kSyscallLimit; ++nr)
    for (const Argument& argument : arguments_of(nr)) {
      CAPTURE(syscall_name(nr));
      CAPTURE(argument.type);
      size_t colon = argument.type.find(':');
      if (colon == std::string_view::npos)
        CHECK((is_memory(argument.type) || is_value(argument.type)));
      else
        CHECK(knows_set(argument.type.substr(colon + 1)));
    }
}

TEST_CASE("rows: a call that waits for its descriptor names an argument that is one") {
  for (uint32_t nr = 0; nr < kSyscallLimit; ++nr) {
    const Row* row = row_of(nr);
    if (row == nullptr || row->wait != Wait::by_fd) continue;
    CAPTURE(syscall_name(nr));
    CHECK(arguments_of(nr)[row->wait_fd].type == "fd");
  }
}

TEST_CASE("rows: what is refused says why, and why is a sentence of its own") {
  int refused = 0;
  for (uint32_t nr = 0; nr < kSyscallLimit; ++nr) {
    const Row* row = row_of(nr);
    if (row == nullptr || row->replay != Replay::refuse) continue;
    ++refused;
    CAPTURE(syscall_name(nr));
    CHECK(refusal_reason(nr).size() > 5);
  }
  CHECK(refused > 20);
  CHECK(refusal_reason(__NR_read) == "");
}

TEST_CASE("operations: every row is found by its number") {
#define IOCTL(number, name, ...)         \
  REQUIRE(ioctl_row(number) != nullptr); \
  CHECK(ioctl_name(number) == #name);
#include "trace/model/ioctls.inc"
#undef IOCTL
#define PRCTL(number, name, ...) CHECK(prctl_row(number) != nullptr);
#include "trace/model/prctls.inc"
#undef PRCTL
#define FCNTL(number, name, ...) CHECK(fcntl_row(number) != nullptr);
#include "trace/model/fcntls.inc"
#undef FCNTL
#define IPC(call, number, name, ...) CHECK(ipc_row(__NR_##call, number) != nullptr);
#include "trace/model/ipcs.inc"
#undef IPC
}

TEST_CASE("operations: an unknown one is refused with the errno its callers know") {
  uint64_t args[6] = {3, 0xdeadbeef, 0, 0, 0, 0};
  CHECK(sub_row(__NR_ioctl, args) == nullptr);
  CHECK(missing_errno(__NR_ioctl) == ENOTTY);
  CHECK(refusal_reason(__NR_ioctl, args) == "the operation has no row");
  CHECK(sub_row(__NR_fcntl, args) == nullptr);
  CHECK(missing_errno(__NR_fcntl) == EINVAL);
  CHECK(missing_errno(__NR_setsockopt) == 0);
  CHECK(refusal_reason(__NR_setsockopt, args) == "");
}

TEST_CASE("operations: get and set of a socket option with one number are two rows") {
  const SubRow* get = sockopt_row(__NR_getsockopt, 1, 26);
  const SubRow* set = sockopt_row(__NR_setsockopt, 1, 26);
  REQUIRE(get != nullptr);
  REQUIRE(set != nullptr);
  CHECK(get->access[0].direction == kOut);
  CHECK(set->access[0].direction == kIn);
  CHECK(sockopt_row(__NR_getsockopt, 1, 2) == nullptr);
  CHECK(sockopt_row(__NR_getsockopt, 0x10001, 26) == nullptr);
}

TEST_CASE("operations: a request's upper half, which the kernel does not read, picks nothing") {
  uint64_t args[6] = {0, 0xffffffff00005401, 0, 0, 0, 0};
  REQUIRE(sub_row(__NR_ioctl, args) != nullptr);
  CHECK(sub_row(__NR_ioctl, args)->access[0].scale == 36);
}

TEST_CASE("futexes: flags do not change the kind, and a wait knows its timeout") {
  CHECK(futex_row(128).kind == FutexKind::wait);
  CHECK(futex_row(0).time == FutexTime::relative);
  CHECK(futex_row(9 | 128 | 256).time == FutexTime::absolute);
  CHECK(futex_row(4 | 128).second_word);
  CHECK(futex_row(4).time == FutexTime::none);
  CHECK(futex_row(77).kind == FutexKind::unknown);
}
