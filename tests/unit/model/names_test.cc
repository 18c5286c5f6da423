// Calls read as their authors wrote them, and nothing in a trace can make the printer read too far.
#include <doctest/doctest.h>

#include <asm/unistd.h>

#include <cstring>
#include <random>

#include "trace/model/names.h"

using namespace ckpt::model;

namespace {

std::vector<std::byte> raw(const std::string& words) {
  std::vector<std::byte> made(words.size());
  std::memcpy(made.data(), words.data(), words.size());
  return made;
}

template <class... Numbers>
std::vector<std::byte> packed(Numbers... numbers) {
  std::vector<std::byte> made;
  auto add = [&made](auto number) {
    const auto* from = reinterpret_cast<const std::byte*>(&number);
    for (size_t i = 0; i < sizeof number; i++) made.push_back(from[i]);
  };
  (add(numbers), ...);
  return made;
}

std::string described(std::string_view type, const std::vector<std::byte>& bytes) {
  return describe_argument(type, 0x1000, bytes);
}

}  // namespace

TEST_CASE("names: calls both ways") {
  CHECK(syscall_name(0) == "read");
  CHECK(syscall_name(435) == "clone3");
  CHECK(syscall_name(469) == "file_setattr");
  CHECK(syscall_number("openat") == 257);
  CHECK_FALSE(syscall_number("nonsense").has_value());
  REQUIRE(arguments_of(0).size() == 3);
  CHECK(arguments_of(0)[1].type == "out");
  CHECK(arguments_of(0)[1].name == "buf");
  CHECK(arguments_of(39).empty());
  CHECK(arguments_of(100000).empty());
}

TEST_CASE("names: signals") {
  CHECK(signal_name(11) == "SIGSEGV");
  CHECK(signal_name(17) == "SIGCHLD");
  CHECK(signal_name(32) == "SIG32");
  CHECK(signal_name(34) == "SIGRTMIN");
  CHECK(signal_name(37) == "SIGRTMIN+3");
  CHECK(signal_name(99) == "SIG99");
  CHECK(signal_name(-1) == "SIG-1");
}

TEST_CASE("names: errors, with those that only the kernel knows") {
  CHECK(errno_name(2) == "ENOENT");
  CHECK(errno_name(11) == "EAGAIN");
  CHECK(errno_name(512) == "ERESTARTSYS");
  CHECK(errno_name(4000) == "E4000");
}

TEST_CASE("results: a number, an error, an address") {
  CHECK(describe_result(__NR_read, 3) == "3");
  CHECK(describe_result(__NR_read, -2) == "-1 ENOENT");
  CHECK(describe_result(__NR_mmap, 0x7f0000001000) == "0x7f0000001000");
  CHECK(describe_result(__NR_mmap, -12) == "-1 ENOMEM");
  CHECK(describe_result(__NR_lseek, 0x100000000) == "4294967296");
}

TEST_CASE("flags: names, fields, what is left, and nothing") {
  CHECK(flags_text("open", 0) == "O_RDONLY");
  CHECK(flags_text("open", 02000000) == "O_RDONLY|O_CLOEXEC");
  CHECK(flags_text("open", 01102) == "O_RDWR|O_CREAT|O_TRUNC");
  CHECK(flags_text("open", 04010001) == "O_WRONLY|O_SYNC");
  CHECK(flags_text("open", 010001) == "O_WRONLY|O_DSYNC");
  CHECK(flags_text("prot", 0) == "PROT_NONE");
  CHECK(flags_text("prot", 5) == "PROT_READ|PROT_EXEC");
  CHECK(flags_text("map", 0x22) == "MAP_PRIVATE|MAP_ANONYMOUS");
  CHECK(flags_text("map", 0x80000022) == "MAP_PRIVATE|MAP_ANONYMOUS|0x80000000");
  CHECK(flags_text("clone", 0x11) == "SIGCHLD");
  CHECK(flags_text("clone", 0x4111) == "SIGCHLD|CLONE_VM|CLONE_VFORK");
  CHECK(flags_text("futex", 0x189) == "FUTEX_WAIT_BITSET|FUTEX_PRIVATE_FLAG|FUTEX_CLOCK_REALTIME");
  CHECK(flags_text("futex", 0x80) == "FUTEX_WAIT|FUTEX_PRIVATE_FLAG");
  CHECK(flags_text("whence", 2) == "SEEK_END");
  CHECK(flags_text("whence", 9) == "9");
  CHECK(flags_text("msg", 0) == "0");
  CHECK(flags_text("madvise", 4) == "MADV_DONTNEED");
  CHECK(flags_text("socktype", 02000001) == "SOCK_STREAM|SOCK_CLOEXEC");
  CHECK(flags_text("prctl", 15) == "PR_SET_NAME");
  CHECK(flags_text("ioctl", 0x5413) == "TIOCGWINSZ");
  CHECK(flags_text("ioctl", 0xc0081234) == "_IOC(rw, 0x12, 0x34, 8)");
  CHECK(flags_text("no such set", 6) == "0x6");
}

TEST_CASE("arguments: by value") {
  CHECK(describe_argument("fd", 0xffffffff) == "-1");
  CHECK(describe_argument("dirfd", static_cast<uint64_t>(-100)) == "AT_FDCWD");
  CHECK(describe_argument("mode", 0644) == "0644");
  CHECK(describe_argument("signal", 9) == "SIGKILL");
  CHECK(describe_argument("clock", 1) == "CLOCK_MONOTONIC");
  CHECK(describe_argument("clock", static_cast<uint32_t>((~1234 << 3) | 2)) == "clock of process 1234");
  CHECK(describe_argument("ptr", 0) == "NULL");
  CHECK(describe_argument("ptr", 0x7f00) == "0x7f00");
  CHECK(describe_argument("off", static_cast<uint64_t>(-1)) == "-1");
  CHECK(describe_argument("flags:open", 0xffffffff00000000) == "O_RDONLY");
}

TEST_CASE("arguments: memory in the kernel's forms") {
  CHECK(described("path", raw(std::string("/etc/hosts\0rest", 15))) == "\"/etc/hosts\"");
  CHECK(described("out", raw("a\n\"\x01")) == "\"a\\n\\\"\\x01\"");
  CHECK(described("out", raw(std::string(40, 'x'))) == "\"" + std::string(32, 'x') + "\"…");
  CHECK(described("timespec", packed(int64_t{1}, int64_t{5})) == "1.000000005 s");
  CHECK(described("timeval", packed(int64_t{1}, int64_t{5})) == "1.000005 s");
  CHECK(described("itimerval", packed(int64_t{1}, int64_t{0}, int64_t{2}, int64_t{0})) ==
        "{every 1.000000 s, in 2.000000 s}");
  CHECK(described("sigset", packed(uint64_t{2 | 1 << 10})) == "{SIGINT SIGSEGV}");
  CHECK(described("fds", packed(3, 4)) == "[3, 4]");
  CHECK(described("pollfds", packed(3, uint16_t{1}, uint16_t{17})) == "[{3, POLLIN → POLLIN|POLLHUP}]");
  CHECK(described("epoll_events", packed(1u, 7u, 0u)) == "[{EPOLLIN, 0x7}]");
  CHECK(described("fdset", packed(uint64_t{1 << 3 | 1 << 5})) == "{3 5}");
  CHECK(described("status", packed(0x0300)) == "{exit 3}");
  CHECK(described("status", packed(0x8b)) == "{killed by SIGSEGV, core}");
  CHECK(described("int_at", packed(16)) == "[16]");
  CHECK(described("rlimit", packed(uint64_t{1024}, ~uint64_t{0})) == "{1024, most unlimited}");
  CHECK(described("flock", packed(uint16_t{1}, uint16_t{0}, 0, int64_t{5}, int64_t{10}, 0, 0)) ==
        "{F_WRLCK, SEEK_SET, 5, 10, pid 0}");
  CHECK(described("sigaction", packed(uint64_t{1}, uint64_t{0x14000000}, uint64_t{0}, uint64_t{0})) ==
        "{SIG_IGN, SA_RESTORER|SA_RESTART, {}}");
}

TEST_CASE("arguments: addresses") {
  CHECK(described("sockaddr", packed(uint16_t{2}, uint16_t{0x5000}, uint32_t{0x0100007f}, uint64_t{0})) ==
        "127.0.0.1:80");
  std::vector<std::byte> six = packed(uint16_t{10}, uint16_t{0x5000}, 0u, uint64_t{0}, uint64_t{1} << 56, 0u);
  CHECK(described("sockaddr", six) == "[::1]:80");
  CHECK(described("sockaddr", raw(std::string("\1\0/run/x\0", 9))) == "unix \"/run/x\"");
  CHECK(described("sockaddr", raw(std::string("\1\0\0bus", 6))) == "unix @\"bus\"");
  CHECK(described("sockaddr", packed(uint16_t{16}, uint16_t{0}, 7u, 2u)) == "netlink 7 groups 0x2");
  CHECK(described("sockaddr", packed(uint16_t{1})) == "unix");
}

TEST_CASE("calls: as in a program") {
  std::vector<std::byte> path = raw(std::string("/etc/hosts\0", 11));
  ArgumentBytes memory[] = {{1, path}};
  uint64_t args[] = {static_cast<uint64_t>(-100), 0x1000, 02000000, 0};
  CHECK(describe_call(__NR_openat, args, memory) == "openat(AT_FDCWD, \"/etc/hosts\", O_RDONLY|O_CLOEXEC, 0)");
  CHECK(describe_call(__NR_openat, args) == "openat(AT_FDCWD, 0x1000, O_RDONLY|O_CLOEXEC, 0)");
  CHECK(describe_call(__NR_getpid, {}) == "getpid()");
  CHECK(describe_call(700, args) == "syscall_700()");
}

TEST_CASE("calls: a vector of texts has one part for each") {
  std::vector<std::byte> first = raw(std::string("ls\0", 3));
  std::vector<std::byte> second = raw(std::string("-l\0", 3));
  ArgumentBytes memory[] = {{1, first}, {1, second}};
  uint64_t args[] = {0, 0x1000, 0};
  CHECK(describe_call(__NR_execve, args, memory) == "execve(NULL, [\"ls\", \"-l\"], NULL)");
}

TEST_CASE("calls: the operation gives its argument a form") {
  std::vector<std::byte> size = packed(uint16_t{24}, uint16_t{80}, uint32_t{0});
  ArgumentBytes memory[] = {{2, size}};
  uint64_t window[] = {1, 0x5413, 0x1000};
  CHECK(describe_call(__NR_ioctl, window, memory) == "ioctl(1, TIOCGWINSZ, {24 rows, 80 columns})");
  CHECK(sub_name(__NR_ioctl, window) == "TIOCGWINSZ");
  uint64_t get[] = {3, 1, 0x1234};
  CHECK(describe_call(__NR_fcntl, get) == "fcntl(3, F_GETFD)");
  uint64_t set[] = {3, 4, 04000};
  CHECK(describe_call(__NR_fcntl, set) == "fcntl(3, F_SETFL, O_RDONLY|O_NONBLOCK)");
  CHECK(sub_name(__NR_read, get) == "");
}

TEST_CASE("refusals: the call's reason, or its operation's") {
  CHECK(refusal_reason(__NR_io_uring_setup) == "its rings change without a syscall");
  uint64_t mode[] = {22, 2, 0};
  CHECK(refusal_reason(__NR_prctl, mode).substr(0, 8) == "a filter");
  uint64_t name[] = {15, 0, 0};
  CHECK(refusal_reason(__NR_prctl, name) == "");
}

TEST_CASE("printer: no type reads past the bytes it is given") {
  const uint32_t seed = 20240607;
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (const char* type :
       {"path",         "text",     "in",      "strings",    "int_at",    "off_at", "fds",    "pollfds",
        "epoll_events", "fdset",    "sigset",  "sigaction",  "sockaddr",  "iovec",  "msghdr", "stat",
        "status",       "timespec", "timeval", "itimerspec", "itimerval", "rlimit", "flock",  "winsize"}) {
    for (size_t length = 0; length < 160; ++length) {
      // Its own allocation, so that the sanitizer sees a read past the end.
      std::vector<std::byte> bytes(length);
      for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
      if (length > 2 && length % 2 == 0) bytes[0] = static_cast<std::byte>(length % 20), bytes[1] = std::byte{0};
      CHECK_FALSE(describe_argument(type, 1, bytes).empty());
    }
  }
}
