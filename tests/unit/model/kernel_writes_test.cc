// The running kernel writes exactly the bytes the rows say: each call gets memory filled
// with a pattern, twice with different ones, and what changed is compared with the row.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "trace/model/names.h"
#include "trace/model/subcalls.h"
#include "trace/model/syscalls.h"

using namespace ckpt::model;

namespace {

constexpr size_t kSlotBytes = 4096;
constexpr int kSlots = 6;

struct Memory {
  alignas(4096) unsigned char slot[kSlots][kSlotBytes];
  // Puts a value at the start of a slot.
  template <class Value>
  void put(int which, const Value& value, size_t offset = 0) {
    std::memcpy(slot[which] + offset, &value, sizeof value);
  }
  void put_text(int which, const char* words) { std::strcpy(reinterpret_cast<char*>(slot[which]), words); }
};

// An argument that is the address of slot `which`.
struct Slot {
  int which;
};
struct Value {
  Value(long number) : number(static_cast<uint64_t>(number)) {}
  Value(int number) : number(static_cast<uint64_t>(static_cast<int64_t>(number))) {}
  Value(unsigned number) : number(number) {}
  Value(unsigned long number) : number(number) {}
  Value(Slot slot) : which(slot.which) {}
  uint64_t number = 0;
  int which = -1;
};
constexpr int kFileLimit = RLIMIT_NOFILE;
constexpr Slot A{0}, B{1}, C{2};

using Prepare = std::function<void(Memory&)>;

// The raw call: glibc's syscall() would turn the result into errno.
int64_t kernel(uint32_t nr, const uint64_t* args) {
  int64_t result;
  register uint64_t r10 asm("r10") = args[3];
  register uint64_t r8 asm("r8") = args[4];
  register uint64_t r9 asm("r9") = args[5];
  asm volatile("syscall"
               : "=a"(result)
               : "a"(nr), "D"(args[0]), "S"(args[1]), "d"(args[2]), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

// How many bytes the access may have written.
size_t bytes_of(const Access& access, const uint64_t* args, int64_t result, uint32_t before) {
  auto times = [&](uint64_t count) { return access.plus + static_cast<size_t>(count) * access.scale; };
  auto got = static_cast<uint64_t>(std::max<int64_t>(result, 0));
  switch (access.size) {
    case Size::bytes:
      return times(1);
    case Size::argument:
      return times(args[access.from]);
    case Size::returned:
      return times(got);
    case Size::returned_up_to:
      return times(std::min(got, args[access.from]));
    case Size::value_result: {
      uint32_t after;
      std::memcpy(&after, reinterpret_cast<void*>(args[access.from]), sizeof after);
      return times(std::min(after, before));
    }
    case Size::fd_sets:
      return (args[access.from] + 63) / 64 * 8;
    case Size::pages:
      return (args[access.from] + 4095) / 4096;
    default:
      return 0;
  }
}

bool applies(const Access& access, int64_t result) {
  if ((access.direction & kOut) == 0) return false;
  return access.when == When::always || (access.when == When::success ? result >= 0 : result == -EINTR);
}

struct Outcome {
  int64_t result = 0;
  size_t changed_end[kSlots] = {};  // one past the last changed byte
  size_t declared[kSlots] = {};
  bool fixed[kSlots] = {};  // an output whose length is stated as a number
};

template <class AnyRow>
void add_declared(const AnyRow& row, const uint64_t* args, const Memory& memory, const uint32_t* before,
                  Outcome& outcome) {
  for (int i = 0; i < row.accesses; ++i) {
    const Access& access = row.access[i];
    if (!applies(access, outcome.result)) continue;
    for (int slot = 0; slot < kSlots; ++slot) {
      if (args[access.argument] != reinterpret_cast<uint64_t>(memory.slot[slot])) continue;
      size_t bytes = bytes_of(access, args, outcome.result, before[access.from]);
      outcome.declared[slot] = std::max(outcome.declared[slot], bytes);
      if (access.size == Size::bytes && access.direction == kOut) outcome.fixed[slot] = true;
    }
  }
}

Outcome run(uint32_t nr, const std::vector<Value>& values, const Prepare& prepare) {
  Outcome outcome;
  auto memory = std::make_unique<Memory>();
  auto copy = std::make_unique<Memory>();
  for (int fill : {0xa5, 0x5a}) {
    uint64_t args[6] = {};
    for (size_t i = 0; i < values.size(); ++i)
      args[i] = values[i].which < 0 ? values[i].number : reinterpret_cast<uint64_t>(memory->slot[values[i].which]);
    std::memset(memory.get(), fill, sizeof *memory);
    if (prepare) prepare(*memory);
    std::memcpy(copy.get(), memory.get(), sizeof *memory);
    uint32_t before[6] = {};
    for (size_t i = 0; i < values.size(); ++i)
      if (values[i].which >= 0) std::memcpy(&before[i], reinterpret_cast<void*>(args[i]), sizeof before[i]);
    outcome.result = kernel(nr, args);
    for (int slot = 0; slot < kSlots; ++slot)
      for (size_t at = 0; at < kSlotBytes; ++at)
        if (memory->slot[slot][at] != copy->slot[slot][at])
          outcome.changed_end[slot] = std::max(outcome.changed_end[slot], at + 1);
    const SubRow* sub = has_subcalls(nr) ? sub_row(nr, args) : nullptr;
    if (sub != nullptr)
      add_declared(*sub, args, *memory, before, outcome);
    else
      add_declared(*row_of(nr), args, *memory, before, outcome);
  }
  return outcome;
}

// The call succeeds, or fails as `expected` says, and writes what its row says.
void check(uint32_t nr, std::vector<Value> values, Prepare prepare = {}, int64_t expected = 0) {
  Outcome outcome = run(nr, values, prepare);
  CAPTURE(syscall_name(nr));
  CAPTURE(describe_result(nr, outcome.result));
  if (outcome.result == -EPERM || outcome.result == -ENOSYS || outcome.result == -EOPNOTSUPP) {
    MESSAGE("skipped: the machine does not allow " << syscall_name(nr));
    return;
  }
  if (expected < 0)
    CHECK(outcome.result == expected);
  else
    CHECK(outcome.result >= 0);
  for (int slot = 0; slot < kSlots; ++slot) {
    CAPTURE(slot);
    CHECK(outcome.changed_end[slot] <= outcome.declared[slot]);
    if (outcome.fixed[slot]) CHECK(outcome.changed_end[slot] == outcome.declared[slot]);
  }
}

Prepare text_in(int which, const char* words) {
  return [=](Memory& memory) { memory.put_text(which, words); };
}

template <class Number>
Prepare number_in(int which, Number number) {
  return [=](Memory& memory) { memory.put(which, number); };
}

}  // namespace

TEST_CASE("kernel writes: files") {
  int root = open("/", O_RDONLY | O_DIRECTORY);
  check(__NR_stat, {A, B}, text_in(0, "/"));
  check(__NR_lstat, {A, B}, text_in(0, "/"));
  check(__NR_fstat, {root, A});
  check(__NR_newfstatat, {AT_FDCWD, A, B, 0}, text_in(0, "/"));
  check(__NR_statx, {AT_FDCWD, A, 0, 0xfff, B}, text_in(0, "/"));
  check(__NR_statfs, {A, B}, text_in(0, "/"));
  check(__NR_fstatfs, {root, A});
  check(__NR_getdents64, {root, A, 2048});
  check(__NR_getcwd, {A, 4096});
  check(__NR_readlink, {A, B, 4096}, text_in(0, "/proc/self/exe"));
  check(__NR_readlink, {A, B, 3}, text_in(0, "/proc/self/exe"));
  check(__NR_listxattr, {A, B, 0}, text_in(0, "/proc/self/exe"));
  check(__NR_fcntl, {root, F_GETOWN_EX, A});
  close(root);
}

TEST_CASE("kernel writes: a file handle is its head and as many bytes as the head says") {
  // The mount id is left out of the comparison: its row has room for the 8 bytes of a flag.
  uint32_t mount = 0;
  auto where = reinterpret_cast<uint64_t>(&mount);
  check(__NR_name_to_handle_at, {AT_FDCWD, A, B, where, 0}, [](Memory& memory) {
    memory.put_text(0, "/tmp");
    memory.put(1, 128u);
  });
  check(
      __NR_name_to_handle_at, {AT_FDCWD, A, B, where, 0},
      [](Memory& memory) {
        memory.put_text(0, "/tmp");
        memory.put(1, 0u);
      },
      -EOVERFLOW);
}

TEST_CASE("kernel writes: descriptors and their answers") {
  check(__NR_pipe, {A});
  check(__NR_pipe2, {A, O_CLOEXEC});
  check(__NR_socketpair, {AF_UNIX, SOCK_STREAM, 0, A});
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  REQUIRE(write(ends[1], "abcdef", 6) == 6);
  check(__NR_ioctl, {ends[0], FIONREAD, A});
  check(__NR_poll, {A, 1, 0}, number_in(0, pollfd{ends[0], POLLIN, 0}));
  check(__NR_ppoll, {A, 1, B, 0, 0}, [&](Memory& memory) {
    memory.put(0, pollfd{ends[0], POLLIN, 0});
    memory.put(1, timespec{0x01010101, 0x01010101});
  });
  check(__NR_select, {ends[0] + 1, A, 0, 0, B}, [&](Memory& memory) {
    uint64_t set[2] = {};
    set[ends[0] / 64] = uint64_t{1} << ends[0] % 64;
    memory.put(0, set);
    memory.put(1, timeval{0x01010101, 0x01010});
  });
  check(__NR_read, {ends[0], A, 3});
  int epoll = epoll_create1(0);
  epoll_event event{EPOLLIN | EPOLLOUT, {.u64 = 0x1122334455667788}};
  REQUIRE(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[1], &event) == 0);
  check(__NR_epoll_wait, {epoll, A, 16, 0});
  check(__NR_epoll_pwait, {epoll, A, 16, 0, 0, 8});
  for (int fd : {epoll, ends[0], ends[1]}) close(fd);
}

TEST_CASE("kernel writes: sockets answer with the length they have, cut to the one given") {
  int pair[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
  int inet = socket(AF_INET, SOCK_STREAM, 0);
  check(__NR_getsockname, {pair[0], A, B}, number_in(1, 110u));
  if (inet >= 0) {
    check(__NR_getsockname, {inet, A, B}, number_in(1, 128u));
    check(__NR_getsockname, {inet, A, B}, number_in(1, 5u));
  }
  check(__NR_getsockopt, {pair[0], SOL_SOCKET, SO_TYPE, A, B}, number_in(1, 64u));
  check(__NR_getsockopt, {pair[0], SOL_SOCKET, SO_PEERCRED, A, B}, number_in(1, 64u));
  REQUIRE(send(pair[0], "0123456789", 10, 0) == 10);
  // Both runs need the message, so the first only looks; with MSG_TRUNC the result is 10.
  check(__NR_recvfrom, {pair[1], A, 4, MSG_PEEK | MSG_TRUNC, 0, 0});
  for (int fd : {pair[0], pair[1], inet}) close(fd);
}

TEST_CASE("kernel writes: terminals") {
  int terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY);
  if (terminal < 0) {
    MESSAGE("skipped: no pseudo-terminals here");
    return;
  }
  for (unsigned request : {0x5401u, 0x802c542au, 0x5405u, 0x5413u, 0x80045430u, 0x5411u, 0x5424u, 0x80045439u})
    check(__NR_ioctl, {terminal, request, A});
  close(terminal);
}

TEST_CASE("kernel writes: time") {
  check(__NR_clock_gettime, {CLOCK_REALTIME, A});
  check(__NR_clock_getres, {CLOCK_REALTIME, A});
  check(__NR_gettimeofday, {A, B});
  check(__NR_time, {A});
  check(__NR_times, {A});
  check(__NR_getitimer, {0, A});
  check(__NR_adjtimex, {A}, [](Memory& memory) { std::memset(memory.slot[0], 0, 4); });
  check(__NR_sched_rr_get_interval, {0, A});
  check(__NR_timer_create, {CLOCK_MONOTONIC, 0, A});
}

TEST_CASE("kernel writes: the system and the process") {
  check(__NR_uname, {A});
  check(__NR_sysinfo, {A});
  check(__NR_getrusage, {0, A});
  check(__NR_getrlimit, {kFileLimit, A});
  check(__NR_prlimit64, {0, kFileLimit, 0, A});
  check(__NR_getcpu, {A, B, 0});
  check(__NR_getresuid, {A, B, C});
  check(__NR_getresgid, {A, B, C});
  check(__NR_getgroups, {0, A});
  check(__NR_getgroups, {512, A});
  check(__NR_sched_getparam, {0, A});
  check(__NR_sched_getaffinity, {0, 1024, A});
  check(__NR_sched_getattr, {0, A, 48, 0});
  check(__NR_get_robust_list, {0, A, B});
  check(__NR_getrandom, {A, 64, 0});
  check(__NR_prctl, {PR_GET_NAME, A});
  check(__NR_arch_prctl, {0x1003, A});
  check(__NR_mincore, {A, 3 * 4096 + 1, B});
  check(__NR_capget, {A, B}, [](Memory& memory) {
    memory.put(0, __user_cap_header_struct{_LINUX_CAPABILITY_VERSION_3, 0});
  });
}

TEST_CASE("kernel writes: signals") {
  check(__NR_rt_sigaction, {SIGUSR1, 0, A, 8});
  check(__NR_rt_sigprocmask, {SIG_BLOCK, 0, A, 8});
  check(__NR_rt_sigpending, {A, 8});
  check(__NR_sigaltstack, {0, A});
}

TEST_CASE("kernel writes: what a failure leaves") {
  // No child: waitid fails, and has cleared the siginfo.
  check(__NR_waitid, {1, 0x7fffffff, A, WEXITED, 0}, {}, -ECHILD);
  check(__NR_wait4, {0x7fffffff, A, 0, B}, {}, -ECHILD);
  check(__NR_getsockopt, {-1, SOL_SOCKET, SO_TYPE, A, B}, {}, -EBADF);
}
