// What a syscall does, as a row of data: the shapes. The rows are in syscalls.inc.
//
// Recording, replay, ckpt-trace and the documentation read the same rows. This header and
// everything it needs is freestanding: the agent includes it. Rows hold no pointer, so the
// agent needs no relocation; names and reasons are host-only (model/names.h).
#pragma once

#include <stdint.h>

namespace ckpt::model {

// What replay does with the call.
enum class Replay : uint8_t {
  supply,   // give the recorded result and memory; the kernel is not asked
  perform,  // make the call for real: memory management, at the recorded address
  refuse,   // while recording already: answer ENOSYS (or the row's errno), report once
};

// Whether the call may sleep for something that another task or process does.
enum class Wait : uint8_t {
  never,   // keeps the turn
  always,  // gives the turn up first
  by_fd,   // only if the descriptor in argument `wait_fd` is a blocking pipe, socket, terminal…; not for regular files
};

// Who handles what a row cannot say. One enumerator, one function in the agent.
enum class Handler : uint8_t {
  none,
  // memory.cc
  map, unmap, remap, protect, program_break, advise, shm_attach, shm_detach,
  write_process,  // process_vm_writev: a write to this or another recorded process is refused
  // tasks.cc
  clone, clone3, fork, vfork, exec, exit, exit_group, set_tid_address, set_robust_list, get_robust_list, rseq,
  arch_prctl, prctl, yield,
  // signals.cc
  sigaction, sigprocmask, sigreturn, sigaltstack, sigsuspend, sigtimedwait, sigpending, pause, kill,
  // futex.cc
  futex, futex_waitv,
  // files.cc: calls that change which descriptors exist, and calls with their own non-blocking form
  close, close_range, dup, fcntl, ioctl, receive, receive_message, receive_messages, send_message, send_messages,
  poll, select, epoll_wait, open, set_limit,
  copy_file,      // from descriptor to descriptor, past the program's memory
  subcall,        // one argument picks the operation: sub_row() in model/subcalls.h has its verdict and accesses
  // streams.cc: read, write and their like, where they may wait
  stream,
  // time.cc
  sleep, clock_sleep,
  clock,  // asks for a time or a processor: the moved vDSO may know
};

// How many bytes an access touches: what the kind says, and `plus` more.
enum class Size : uint8_t {
  bytes,           // `scale` bytes
  argument,        // argument `from`, times `scale`
  returned,        // the result, times `scale`
  returned_up_to,  // the result, but at most argument `from`; both times `scale`. The argument is the buffer's room
  value_result,    // *(uint32_t *)argument `from` after the call, at most its value before; times `scale`
  text,            // up to and with the terminating zero
  iovec,           // argument `from` iovecs; an output is bounded by the result
  message,         // a msghdr; its name, control and iovec memory, bounded by the result
  messages,        // result times mmsghdr
  strings,         // a vector of texts (argv): kept as one part per text, at most 64
  fd_sets,         // an fd_set for argument `from` descriptors: whole 8-byte words
  pages,           // one byte for each 4 KiB page begun by argument `from` bytes
};

enum class When : uint8_t {
  success,  // result >= 0
  always,   // whatever the result
  eintr,    // result is -EINTR
};

enum : uint8_t { kIn = 1, kOut = 2, kInOut = 3 };

struct Access {
  uint8_t argument;   // which argument points to the memory; a null pointer means no access
  uint8_t direction;  // kIn, kOut, kInOut
  Size size;
  uint8_t from;
  When when;          // for outputs
  uint8_t spare;
  uint16_t plus;      // bytes in front of what `size` counts: the type of a System V message, the head of a file handle
  uint32_t scale;
};

inline constexpr int kMaxAccesses = 6;
inline constexpr uint8_t kNoRow = 0xff;

struct Row {
  uint16_t number;
  uint8_t arguments;      // how many the call takes; kNoRow if this is not a row
  Replay replay;
  Wait wait;
  uint8_t wait_fd;
  Handler handler;
  uint8_t refuse_errno;   // 0: ENOSYS
  uint8_t accesses;
  Access access[kMaxAccesses];
};

}  // namespace ckpt::model
