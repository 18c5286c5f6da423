// Reading and writing pipes, sockets and terminals while recording. Most calls find what they
// want at once: they are made without waiting, into the program's own memory, and the turn is
// kept. Only a call that would wait gives it up. A hand-over costs ten times the call.
#include "record/agent/call.h"

namespace ckpt::agent {

using model::Handler;

namespace {

constexpr u64 kDontWait = 0x40, kWaitAll = 0x100, kErrorQueue = 0x2000, kFastOpen = 0x20000000, kNoWait = 8,
              kNoOffset = ~0ull;
constexpr i64 kEOPNOTSUPP = 95;

struct Iovec {
  u64 base, bytes;
};

// ---- Receiving ---------------------------------------------------------------------------------

i64 wait_readable(Call& call, u64 fd) {
  struct {
    int fd;
    short events, revents;
  } poll{static_cast<int>(fd), 1, 0};
  struct {
    i64 seconds, microseconds;
  } limit{0, 0};
  u32 limit_bytes = sizeof limit;
  raw_syscall(__NR_getsockopt, fd, 1, 20, reinterpret_cast<u64>(&limit), reinterpret_cast<u64>(&limit_bytes));
  i64 ms = limit.seconds * 1000 + limit.microseconds / 1000;
  Call wait = call;
  wait.number = __NR_poll;
  const u64 args[6] = {reinterpret_cast<u64>(&poll), 1, static_cast<u64>(ms ? ms : -1), 0, 0, 0};
  i64 result = perform_blocking(wait, args);
  return result == 0 ? -kEAGAIN : result;
}

// recvfrom, recvmsg, recvmmsg: without waiting first; then wait for data and try again.
i64 receive(Call& call, int flags_argument) {
  u64 fd = call.args[0];
  if (call.args[flags_argument] & (kDontWait | kErrorQueue)) return perform(call);
  if (call.args[flags_argument] & kWaitAll)
    return call.row->handler == Handler::receive ? perform_blocking_outputs(call) : perform_blocking(call, call.args);
  Call direct = call;
  direct.args[flags_argument] |= kDontWait;
  i64 result;
  while ((result = perform(direct)) == -kEAGAIN)
    if (i64 ready = wait_readable(call, fd); ready < 0) return ready;
  return result;
}

// ---- Reading and writing -------------------------------------------------------------------------

// The call without waiting. -EAGAIN: it would have to.
i64 try_at_once(const Call& call) {
  // No bytes are a datagram, too, and connecting does not wait for both at once: the plain call knows.
  bool plain = call.args[2] == 0 || (call.number == __NR_sendto && (call.args[3] & kFastOpen));
  if (plain) return -kEAGAIN;
  if (call.number == __NR_sendto)
    return raw_syscall(call.number, call.args[0], call.args[1], call.args[2], call.args[3] | kDontWait, call.args[4],
                       call.args[5]);
  if (!descriptor_knows_no_wait(call.args[0])) return -kEAGAIN;
  bool vector = call.number != __NR_read && call.number != __NR_write;
  bool read = call.number != __NR_write && call.number != __NR_writev;
  Iovec one{call.args[1], call.args[2]};
  u64 vectors = vector ? call.args[1] : reinterpret_cast<u64>(&one), count = vector ? call.args[2] : 1;
  i64 result = raw_syscall(read ? __NR_preadv2 : __NR_pwritev2, call.args[0], vectors, count, kNoOffset, 0, kNoWait);
  if (result != -kEOPNOTSUPP) return result;
  note_no_wait_unknown(call.args[0]);
  return -kEAGAIN;
}

// readv, preadv2 where it has to wait: one flat read, then spread.
i64 read_vector(Call& call) {
  u64 room = 0;
  Iovec v;
  for (u64 i = 0; i < call.args[2] && i < 1024 && read_program(call.args[1] + i * 16, &v); i++) room += v.bytes;
  if (room > abi::kScratchBytes) room = abi::kScratchBytes;
  u64 at = reinterpret_cast<u64>(scratch(call.task));
  Call flat = call;
  flat.number = __NR_read;
  const u64 args[6] = {call.args[0], at, room, 0, 0, 0};
  i64 result = perform_blocking(flat, args);
  i64 left = result;
  for (u64 i = 0; left > 0 && read_program(call.args[1] + i * 16, &v); i++) {
    u64 bytes = v.bytes < static_cast<u64>(left) ? v.bytes : static_cast<u64>(left);
    ckpt_agent_copy(reinterpret_cast<void*>(v.base), reinterpret_cast<void*>(at), bytes);
    at += bytes;
    left -= static_cast<i64>(bytes);
  }
  return result;
}

// A write of which only a part went at once: a blocking descriptor takes the rest, too.
i64 write_rest(Call& call, i64 written) {
  u64 done = static_cast<u64>(written);
  if (call.number == __NR_writev) {
    Iovec v;
    i64 total = written;
    for (u64 i = 0; i < call.args[2] && read_program(call.args[1] + i * 16, &v); i++) {
      if (done >= v.bytes) {
        done -= v.bytes;
        continue;
      }
      Call flat = call;
      flat.number = __NR_write;
      const u64 args[6] = {call.args[0], v.base + done, v.bytes - done, 0, 0, 0};
      i64 more = perform_blocking(flat, args);
      if (more > 0) total += more;
      if (more < static_cast<i64>(v.bytes - done)) break;
      done = 0;
    }
    return total;
  }
  const u64 args[6] = {call.args[0], call.args[1] + done, call.args[2] - done,
                       call.args[3], call.args[4],        call.args[5]};
  i64 more = perform_blocking(call, args);
  return more > 0 ? written + more : written;
}

u64 bytes_to_write(const Call& call) {
  if (call.number != __NR_writev) return call.args[2];
  u64 bytes = 0;
  Iovec v;
  for (u64 i = 0; i < call.args[2] && read_program(call.args[1] + i * 16, &v); i++) bytes += v.bytes;
  return bytes;
}

i64 read_or_write(Call& call) {
  i64 result = try_at_once(call);
  bool writes = call.number == __NR_write || call.number == __NR_writev || call.number == __NR_sendto;
  bool reads_vector = !writes && call.number != __NR_read;
  if (result == -kEAGAIN) return reads_vector ? read_vector(call) : perform_blocking_outputs(call);
  if (writes && result > 0 && static_cast<u64>(result) < bytes_to_write(call)) return write_rest(call, result);
  return result;
}

i64 perform_stream(Call& call) {
  if (alone()) return perform_blocking(call, call.args);
  bool positioned = call.number == __NR_preadv || (call.number == __NR_preadv2 && call.args[3] != kNoOffset);
  bool asks_itself = call.number == __NR_preadv2 && (call.args[5] & kNoWait);
  if (positioned || asks_itself || !descriptor_may_block(call.args[0])) return perform(call);
  switch (call.row->handler) {
    case Handler::receive: case Handler::receive_messages: return receive(call, 3);
    case Handler::receive_message: return receive(call, 2);
    default: return read_or_write(call);
  }
}

}  // namespace

i64 record_stream(Call& call) {
  i64 result = perform_stream(call);
  if (call.number == __NR_read) log_direct_read(call, result);
  if (process.shared_mappings && result > 0) log_file_write(call, result);
  log_call(call, result);
  return result;
}

}  // namespace ckpt::agent
