// Words for what the tables hold: names, reasons, and calls as people read them. Host only.
//
// An argument's type in a signature says how it is printed:
//
//   fd dirfd pid tid int uint long size off hex mode ptr signal clock    by value
//   flags:SET enum:SET      by value, with the names in flags.inc; enum:ioctl, fcntl, prctl, arch_prctl,
//                           keyctl, shmctl, semctl, msgctl with those of the sub-tables
//   none                    there is no argument
//   path text               memory up to a zero, quoted
//   in out inout            memory without a form of its own, quoted
//   strings                 a vector of texts
//   int_at off_at           a 4-byte or an 8-byte number in memory
//   fds pollfds epoll_events fdset sigset sigaction sockaddr iovec msghdr stat status
//   timespec timeval itimerspec itimerval rlimit flock winsize      memory in the kernel's form of that name
//
// The bytes come from a trace: none is trusted, and what is missing or cut is left out.
// Threads: everything here may be called at any time; texts returned by view live forever.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ckpt::model {

struct Argument {
  std::string_view type;
  std::string_view name;
};

// The memory of one part of an event.
struct ArgumentBytes {
  uint8_t argument;
  std::span<const std::byte> bytes;
};

std::string syscall_name(uint32_t nr);  // "read"; "syscall_700" without a row
std::optional<uint32_t> syscall_number(std::string_view name);
std::span<const Argument> arguments_of(uint32_t nr);  // empty without a row
// The same with the types that the picked operation has: TIOCGWINSZ makes argument 2 a winsize.
std::vector<Argument> arguments_of(uint32_t nr, std::span<const uint64_t> args);

// The name of the operation an ioctl, fcntl, prctl… picks, "" if the call has none or it has no row.
std::string_view sub_name(uint32_t nr, std::span<const uint64_t> args);
std::string ioctl_name(uint32_t request);  // "TCGETS"; "_IOC(rw, 0x12, 0x34, 8)" without a row

std::string_view interposed_name(uint32_t number);  // "malloc"; "" beyond the last

// Why the call, or the operation it picks, is refused; "" if it is not.
std::string_view refusal_reason(uint32_t nr);
std::string_view refusal_reason(uint32_t nr, std::span<const uint64_t> args);

std::string signal_name(int signal);  // "SIGSEGV", "SIGRTMIN+3", "SIG99"
std::string errno_name(int error);    // "ENOENT", also the kernel's "ERESTARTSYS"
bool knows_set(std::string_view set);
std::string flags_text(std::string_view set, uint64_t value);  // "O_WRONLY|O_CREAT|0x80000000", "SEEK_END"

std::string describe_argument(std::string_view type, uint64_t value,
                              std::optional<std::span<const std::byte>> bytes = std::nullopt);
// "openat(AT_FDCWD, "/etc/hosts", O_RDONLY|O_CLOEXEC, 0)". `memory` is in the order of the event's parts.
std::string describe_call(uint32_t nr, std::span<const uint64_t> args, std::span<const ArgumentBytes> memory = {});
// The kernel's result as the program's author knows it: "3", "-1 ENOENT", "0x7f0000001000".
std::string describe_result(uint32_t nr, int64_t result);

}  // namespace ckpt::model
