// What the program wrote to its standard streams, written again. Which descriptors lead there
// is followed through dup and close.
#include "replay/agent/replay.h"

namespace ckpt::agent {

namespace {

constexpr u32 kFollowed = 4096;
u8 stream_of[kFollowed] = {0, 1, 2};  // 1 standard output, 2 standard error

struct Iovec {
  u64 base, bytes;
};

u8 stream(u64 fd) { return fd < kFollowed ? stream_of[fd] : 0; }

void follow(u64 from, i64 to) {
  if (to >= 0 && to < static_cast<i64>(kFollowed)) stream_of[to] = stream(from);
}

void put(u8 to, u64 address, u64 bytes) {
  while (bytes) {
    i64 done = raw_syscall(__NR_write, to, address, bytes);
    if (done == -kEINTR || done == -kEAGAIN) continue;
    if (done <= 0) return;  // nobody listens: replay goes on
    address += static_cast<u64>(done);
    bytes -= static_cast<u64>(done);
  }
}

void put_vector(u8 to, u64 iov, u64 count, u64 bytes) {
  Iovec v;
  for (u64 i = 0; i < count && bytes && read_program(iov + i * sizeof v, &v); i++) {
    u64 part = v.bytes < bytes ? v.bytes : bytes;
    put(to, v.base, part);
    bytes -= part;
  }
}

}  // namespace

void show_bytes(u64 fd, const void* bytes, u64 count) {
  u8 to = stream(fd);
  if (to && !control().quiet) put(to, reinterpret_cast<u64>(bytes), count);
}

void show_output(u64 number, const u64 args[6], i64 result) {
  constexpr u64 kDupFd = 0, kDupFdCloexec = 1030;
  if (failed(result)) return;
  switch (number) {
    case __NR_write: case __NR_pwrite64: case __NR_writev: case __NR_pwritev: case __NR_pwritev2: {
      u8 to = stream(args[0]);
      if (!to || control().quiet) return;
      if (number == __NR_write || number == __NR_pwrite64)
        put(to, args[1], static_cast<u64>(result));
      else
        put_vector(to, args[1], args[2], static_cast<u64>(result));
      return;
    }
    case __NR_dup: case __NR_dup2: case __NR_dup3:
      follow(args[0], result);
      return;
    case __NR_fcntl:
      if (args[1] == kDupFd || args[1] == kDupFdCloexec) follow(args[0], result);
      return;
    case __NR_close:
      if (args[0] < kFollowed) stream_of[args[0]] = 0;
      return;
    case __NR_close_range:
      for (u64 fd = args[0]; fd <= args[1] && fd < kFollowed; fd++) stream_of[fd] = 0;
      return;
    default:
      return;
  }
}

}  // namespace ckpt::agent
