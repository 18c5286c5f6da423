// Descriptors while recording: which of them can make a call wait, waiting for several, and
// the calls that many operations hide behind.
#include "record/agent/call.h"
#include "record/agent/signals.h"
#include "record/agent/turn.h"

namespace ckpt::agent {

using model::Handler;
using model::Row;
using model::SubRow;

namespace {

// ---- What a descriptor is ------------------------------------------------------------------
enum : u8 {
  kUnknown = 0,
  kNeverBlocks = 1,
  kMayBlock = 2,
  kDirect = 3,
  kOnlyBlocks = 4
};  // 4: and has no way to ask it not to
constexpr u32 kKnownDescriptors = 1u << 16;
u8 descriptor_class[kKnownDescriptors];

struct Stat {  // the kernel's struct stat
  u64 device, inode, links;
  u32 mode, user, group, pad;
  u64 special_device;
  u64 rest[12];
};
static_assert(sizeof(Stat) == 144);
constexpr u32 kTypeMask = 0170000, kFifo = 0010000, kCharacter = 0020000, kDirectory = 0040000, kBlockDevice = 0060000,
              kRegular = 0100000;
constexpr u64 kNonBlock = 04000, kDirectFlag = 040000;

u8 classify(u64 fd) {
  Stat stat;
  if (failed(raw_syscall(__NR_fstat, fd, reinterpret_cast<u64>(&stat)))) return kNeverBlocks;
  u32 type = stat.mode & kTypeMask;
  if (type == kRegular || type == kBlockDevice) {
    i64 mode = raw_syscall(__NR_fcntl, fd, 3);
    return !failed(mode) && (mode & kDirectFlag) ? kDirect : kNeverBlocks;
  }
  if (type == kDirectory) return kNeverBlocks;
  bool memory_device = type == kCharacter && (stat.special_device >> 8 & 0xfff) == 1;  // null, zero, urandom…
  if (memory_device) return kNeverBlocks;
  i64 flags = raw_syscall(__NR_fcntl, fd, 3);
  return !failed(flags) && (flags & kNonBlock) ? kNeverBlocks : kMayBlock;
}

// ---- Waiting for one of several descriptors ---------------------------------------------------
constexpr Timespec kNoTime{0, 0};

// The argument that holds the timeout, and the one that points to a signal mask (or -1).
struct WaitShape {
  int timeout;
  bool timeout_is_value;
  int mask;
};

WaitShape wait_shape(u64 number) {
  switch (number) {
    case __NR_poll: return {2, true, -1};
    case __NR_ppoll: return {2, false, 3};
    case __NR_select: return {4, false, -1};
    case __NR_pselect6: return {4, false, 5};
    case __NR_epoll_pwait: return {3, true, 4};
    case __NR_epoll_pwait2: return {3, false, 4};
    default: return {3, true, -1};  // epoll_wait
  }
}

bool waits_at_all(const Call& call, const WaitShape& shape) {
  u64 timeout = call.args[shape.timeout];
  if (shape.timeout_is_value) return static_cast<int32_t>(timeout) != 0;
  Timespec given;
  return !timeout || !read_program(timeout, &given) || given.seconds || given.nanoseconds;
}

// The program's temporary mask without the signals that must reach us.
struct MaskCopy {
  u64 bits;
  u64 pair[2];  // pselect6's pointer and size
  bool used;
};

bool take_mask(Task* task, const Call& call, const WaitShape& shape, MaskCopy* mask) {
  mask->used = false;
  if (shape.mask < 0 || !call.args[shape.mask]) return true;
  u64 address = call.args[shape.mask];
  if (call.number == __NR_pselect6) {
    if (ckpt_agent_copy(mask->pair, reinterpret_cast<void*>(address), 16) != 16) return false;
    address = mask->pair[0];
    if (!address) return true;
  }
  if (!read_program(address, &mask->bits)) return false;
  begin_temporary_mask(task, mask->bits);
  mask->bits &= ~kNeverBlocked;
  mask->pair[0] = reinterpret_cast<u64>(&mask->bits);
  mask->used = true;
  return true;
}

void point_at_mask(u64 args[6], const WaitShape& shape, MaskCopy& mask, u64 number) {
  if (!mask.used) return;
  args[shape.mask] = reinterpret_cast<u64>(number == __NR_pselect6 ? static_cast<void*>(mask.pair) : &mask.bits);
}

i64 wait_shared(Call& call, const WaitShape& shape, MaskCopy& mask) {
  u64 args[6];
  if (!use_scratch(call, args)) return perform_blocking(call, call.args);
  u64 timeout = args[shape.timeout];
  args[shape.timeout] = shape.timeout_is_value ? 0 : reinterpret_cast<u64>(&kNoTime);
  Timespec no_time = kNoTime;
  if (!shape.timeout_is_value) args[shape.timeout] = reinterpret_cast<u64>(&no_time);
  point_at_mask(args, shape, mask, call.number);
  i64 result = raw_syscall(call.number, args[0], args[1], args[2], args[3], args[4], args[5]);
  if (result == 0 && waits_at_all(call, shape)) {
    use_scratch(call, args);
    point_at_mask(args, shape, mask, call.number);
    result = perform_blocking(call, args);
  } else {
    args[shape.timeout] = timeout;
  }
  return copy_from_scratch(call, args, result);
}

i64 wait_for_descriptors(Call& call) {
  Task* task = call.task;
  WaitShape shape = wait_shape(call.number);
  MaskCopy mask;
  i64 result;
  if (!take_mask(task, call, shape, &mask)) {
    result = -kEFAULT;
  } else if (!waits_at_all(call, shape) || alone()) {
    u64 args[6];
    for (int i = 0; i < 6; i++) args[i] = call.args[i];
    point_at_mask(args, shape, mask, call.number);
    result = perform_blocking(call, args);
  } else {
    result = wait_shared(call, shape, mask);
  }
  if (mask.used && result != -kEINTR) end_temporary_mask(task);
  log_call(call, result);
  return result;
}

// ---- Opening -----------------------------------------------------------------------------------
bool opens_fifo(const Call& call) {
  bool at = call.number == __NR_openat || call.number == __NR_openat2;
  if (!at && call.number != __NR_open) return false;
  u64 flags = at ? call.args[2] : call.args[1];
  if (call.number == __NR_openat2) read_program(call.args[2], &flags);
  if (flags & kNonBlock) return false;
  Stat stat;
  i64 result = raw_syscall(__NR_newfstatat, at ? call.args[0] : static_cast<u64>(-100), call.args[at ? 1 : 0],
                           reinterpret_cast<u64>(&stat), 0);
  return !failed(result) && (stat.mode & kTypeMask) == kFifo;
}

i64 open_file(Call& call) {
  i64 result = !alone() && opens_fifo(call) ? perform_blocking(call, call.args) : perform(call);
  if (!failed(result)) forget_descriptor(static_cast<u64>(result));
  log_call(call, result);
  return result;
}

// ---- Copying between descriptors -------------------------------------------------------------------

// What went to standard output or standard error, so that replay can show it: read again from where it came.
void log_shown(const Call& call, i64 copied) {
  bool sends = call.number == __NR_sendfile;
  u64 from = call.args[sends ? 1 : 0], to = call.args[sends ? 0 : 2], offset_at = call.args[sends ? 2 : 1];
  if (to != 1 && to != 2) return;
  u64 end = 0;
  if (!offset_at || !read_program(offset_at, &end)) end = static_cast<u64>(raw_syscall(__NR_lseek, from, 0, 1));
  u64 left = static_cast<u64>(copied), at = end - left;
  while (left) {
    u64 piece = left < abi::kMaxPartBytes ? left : abi::kMaxPartBytes;
    i64 got = raw_syscall(__NR_pread64, from, reinterpret_cast<u64>(scratch(call.task)), piece, at);
    if (got <= 0) return;  // the file changed meanwhile
    EventBuilder event(abi::EventKind::data, static_cast<u16>(abi::DataStep::shown), call.task->number);
    event.arg(to);
    event.part(abi::PartRole::output, 0, 0, reinterpret_cast<u64>(scratch(call.task)), static_cast<u64>(got), 0);
    event.commit(got);
    at += static_cast<u64>(got);
    left -= static_cast<u64>(got);
  }
}

// ---- Operations behind one call ------------------------------------------------------------------
Row row_with(const Row& outer, const SubRow& inner) {
  Row row;
  copy_bytes(&row, &outer, sizeof row);
  row.accesses = inner.accesses;
  for (int i = 0; i < inner.accesses; i++) copy_bytes(&row.access[i], &inner.access[i], sizeof row.access[i]);
  row.wait = inner.wait;
  return row;
}

void note_effect(const Call& call, i64 result) {
  constexpr u64 kDupFd = 0, kDupFdCloexec = 1030, kSetFlags = 4, kNonBlockIoctl = 0x5421;
  if (call.number == __NR_fcntl && (call.args[1] == kDupFd || call.args[1] == kDupFdCloexec) && !failed(result))
    forget_descriptor(static_cast<u64>(result));
  if ((call.number == __NR_fcntl && call.args[1] == kSetFlags) ||
      (call.number == __NR_ioctl && static_cast<u32>(call.args[1]) == kNonBlockIoctl))
    forget_all_descriptors();
}

i64 sub_call(Call& call) {
  const SubRow* inner = model::sub_row(static_cast<u32>(call.number), call.args);
  if (!inner) {
    u8 missing = model::missing_errno(static_cast<u32>(call.number));
    if (missing == 0) {
      i64 result = perform(call);
      log_call(call, result);
      return result;
    }
    u64 which = call.number == __NR_ioctl || call.number == __NR_fcntl ? call.args[1] : call.args[0];
    report_refused(call.number, which);
    log_call(call, -missing);
    return -missing;
  }
  Row row = row_with(*call.row, *inner);
  Call exact = call;
  exact.row = &row;
  for (int i = 0; i < row.accesses; i++)
    if (row.access[i].size == model::Size::value_result) read_program(call.args[row.access[i].from], &exact.before[i]);
  i64 result;
  if (inner->replay == model::Replay::refuse)
    result = -static_cast<i64>(inner->refuse_errno);
  else if (inner->wait == model::Wait::always)
    result = perform_blocking_outputs(exact);
  else
    result = perform(exact);
  note_effect(call, result);
  log_call_as(exact, result, row);
  return result;
}

}  // namespace

namespace {

u8 class_of(u64 fd) {
  if (fd >= kKnownDescriptors) return classify(fd);
  if (descriptor_class[fd] == kUnknown) descriptor_class[fd] = classify(fd);
  return descriptor_class[fd];
}

}  // namespace

bool descriptor_may_block(u64 fd) {
  u8 known = class_of(fd);
  return known == kMayBlock || known == kOnlyBlocks;
}

bool descriptor_knows_no_wait(u64 fd) { return class_of(fd) != kOnlyBlocks; }

void note_no_wait_unknown(u64 fd) {
  if (fd < kKnownDescriptors) descriptor_class[fd] = kOnlyBlocks;
}

// A direct read past the end of the file zeroes buffer bytes behind those it counts.
void log_direct_read(Call& call, i64 result) {
  if (result < 0 || static_cast<u64>(result) >= call.args[2] || class_of(call.args[0]) != kDirect) return;
  log_data(call.task->number, 1, call.args[1] + static_cast<u64>(result), call.args[2] - static_cast<u64>(result));
}

void forget_descriptor(u64 fd) {
  if (fd < kKnownDescriptors) descriptor_class[fd] = kUnknown;
}

void forget_all_descriptors() { zero_bytes(descriptor_class, sizeof descriptor_class); }

void log_file_cut(Call& call) {
  Stat stat;
  if (failed(raw_syscall(__NR_fstat, call.args[0], reinterpret_cast<u64>(&stat)))) return;
  EventBuilder event(abi::EventKind::data, static_cast<u16>(abi::DataStep::cut), call.task->number);
  event.arg(stat.device);
  event.arg(stat.inode);
  event.arg(call.args[1]);
  event.commit(0);
}

void log_file_write(Call& call, i64 written) {
  bool at_position = call.number == __NR_write || call.number == __NR_writev;
  bool at_offset = call.number == __NR_pwrite64 || call.number == __NR_pwritev;
  if (!at_position && !at_offset) return;
  Stat stat;
  if (failed(raw_syscall(__NR_fstat, call.args[0], reinterpret_cast<u64>(&stat)))) return;
  u64 bytes = static_cast<u64>(written);
  u64 offset = at_offset ? call.args[3] : static_cast<u64>(raw_syscall(__NR_lseek, call.args[0], 0, 1)) - bytes;
  log_write_to_mapped(call, stat.device, stat.inode, offset, bytes);
}

i64 record_file(Call& call) {
  i64 result;
  switch (call.row->handler) {
    case Handler::poll: case Handler::select: case Handler::epoll_wait: return wait_for_descriptors(call);
    case Handler::receive: case Handler::receive_message: case Handler::receive_messages: case Handler::stream:
      return record_stream(call);
    case Handler::open: return open_file(call);
    case Handler::ioctl: case Handler::fcntl: case Handler::subcall: case Handler::prctl: return sub_call(call);
    case Handler::send_message: case Handler::send_messages:
      result = !alone() && descriptor_may_block(call.args[0]) ? perform_blocking(call, call.args) : perform(call);
      break;
    case Handler::copy_file:
      result = call.row->wait == model::Wait::always ? perform_blocking_outputs(call) : perform(call);
      if (result > 0) log_shown(call, result);
      break;
    case Handler::close:
      result = perform(call);
      forget_descriptor(call.args[0]);
      break;
    case Handler::close_range:
      result = perform(call);
      forget_all_descriptors();
      break;
    case Handler::dup:
      result = perform(call);
      if (!failed(result)) forget_descriptor(static_cast<u64>(result));
      break;
    default:  // set_limit
      result = perform(call);
  }
  log_call(call, result);
  return result;
}

}  // namespace ckpt::agent
