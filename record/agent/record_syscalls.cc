// Life of a recorded syscall: on_syscall finds the row, a handler or the row itself makes
// the call, log_call writes the event, finish_event delivers signals and ends the slice.
#include "record/agent/call.h"
#include "record/agent/params.h"
#include "record/agent/signals.h"
#include "record/agent/sites.h"
#include "record/agent/turn.h"

namespace ckpt::agent {

using model::Access;
using model::Handler;
using model::Row;
using model::Size;
using model::Wait;
using model::When;

namespace {

struct Iovec {
  u64 base, bytes;
};
struct MessageHeader {
  u64 name;
  u32 name_bytes, pad;
  u64 iov, iov_count, control, control_bytes;
  u32 flags, pad2;
};
static_assert(sizeof(MessageHeader) == 56);
constexpr u64 kMaxIovecs = 1024;

bool applies(const Access& access, i64 result) {
  switch (access.when) {
    case When::success: return !failed(result);
    case When::always: return true;
    case When::eintr: return result == -kEINTR;
  }
  return false;
}

u64 access_bytes(const Call& call, const Access& a, int index, i64 result) {
  switch (a.size) {
    case Size::bytes: return a.scale + a.plus;
    case Size::argument: return call.args[a.from] * a.scale + a.plus;
    case Size::returned: return failed(result) ? 0 : static_cast<u64>(result) * a.scale + a.plus;
    case Size::returned_up_to: {
      u64 moved = failed(result) ? 0 : static_cast<u64>(result);
      return (moved < call.args[a.from] ? moved : call.args[a.from]) * a.scale + a.plus;
    }
    case Size::value_result: {
      u32 now = 0;
      read_program(call.args[a.from], &now);
      return static_cast<u64>(now < call.before[index] ? now : call.before[index]) * a.scale + a.plus;
    }
    case Size::pages: return (call.args[a.from] + 4095) / 4096;
    case Size::text: return text_bytes(call.args[a.argument], 4096);
    case Size::fd_sets: return round_up(call.args[a.from], 64) / 8;
    default: return 0;
  }
}

// Calls `visit(address, bytes)` for the memory of an iovec array, `limit` bytes at most.
template <class Visit>
void visit_iovecs(u64 iov, u64 count, u64 limit, Visit visit) {
  for (u64 i = 0; i < count && i < kMaxIovecs && limit; i++) {
    Iovec v;
    if (!read_program(iov + i * sizeof v, &v)) return;
    u64 bytes = v.bytes < limit ? v.bytes : limit;
    if (bytes) visit(v.base, bytes);
    limit -= bytes;
  }
}

template <class Visit>
void visit_message(u64 address, u64 data_bytes, Visit visit) {
  MessageHeader m;
  if (!read_program(address, &m)) return;
  visit(address, sizeof m);
  if (m.name && m.name_bytes) visit(m.name, m.name_bytes < 128 ? m.name_bytes : 128);
  visit_iovecs(m.iov, m.iov_count, data_bytes, visit);
  if (m.control && m.control_bytes) visit(m.control, m.control_bytes);
}

// Calls `visit(address, bytes)` for all memory of one access.
template <class Visit>
void visit_access(const Call& call, const Access& a, int index, i64 result, Visit visit) {
  u64 address = call.args[a.argument];
  if (!address) return;
  u64 moved = failed(result) ? 0 : static_cast<u64>(result);
  bool output = a.direction & model::kOut;
  switch (a.size) {
    case Size::iovec:
      visit_iovecs(address, call.args[a.from], output ? moved : ~0ull, visit);
      return;
    case Size::message:
      visit_message(address, output ? moved : ~0ull, visit);
      return;
    case Size::messages:
      for (u64 i = 0; i < (output ? moved : call.args[2]) && i < kMaxIovecs; i++) {
        u32 bytes = 0;
        read_program(address + i * 64 + 56, &bytes);
        visit_message(address + i * 64, output ? bytes : ~0ull, visit);
        visit(address + i * 64 + 56, 4);
      }
      return;
    case Size::strings:
      for (u64 i = 0, text; i < 64 && read_program(address + i * 8, &text) && text; i++)
        visit(text, text_bytes(text, 4096));
      return;
    default:
      if (u64 bytes = access_bytes(call, a, index, result)) visit(address, bytes);
  }
}

u64 output_bytes(const Call& call, const Row& row, i64 result) {
  u64 total = 0;
  for (int i = 0; i < row.accesses; i++)
    if ((row.access[i].direction & model::kOut) && applies(row.access[i], result))
      visit_access(call, row.access[i], i, result, [&](u64, u64 bytes) { total += bytes + 32; });
  return total;
}

i64 refuse(Call& call) {
  report_refused(call.number, 0);
  i64 result = -(call.row && call.row->refuse_errno ? call.row->refuse_errno : kENOSYS);
  // A number that does not fit is kept as 0xffff.
  u16 number = static_cast<u16>(call.number > 0xffff ? 0xffff : call.number);
  EventBuilder event(abi::EventKind::syscall, number, call.task->number);
  for (int i = 0; i < 6; i++) event.arg(call.args[i]);
  event.commit(result);
  return result;
}

i64 record_by_row(Call& call) {
  const Row& row = *call.row;
  bool blocks =
      row.wait == Wait::always || (row.wait == Wait::by_fd && !alone() && descriptor_may_block(call.args[row.wait_fd]));
  i64 result = blocks ? perform_blocking_outputs(call) : perform(call);
  if (call.number == __NR_pread64) log_direct_read(call, result);
  if (process.shared_mappings && result > 0) log_file_write(call, result);
  if (process.shared_mappings && result == 0 && call.number == __NR_ftruncate) log_file_cut(call);
  log_call(call, result);
  return result;
}

i64 record_call(Call& call) {
  if (!call.row) return refuse(call);
  if (call.row->replay == model::Replay::refuse && call.row->handler == Handler::none) return refuse(call);
  switch (call.row->handler) {
    case Handler::none: return record_by_row(call);
    case Handler::map: case Handler::unmap: case Handler::remap: case Handler::protect:
    case Handler::program_break: case Handler::advise: case Handler::shm_attach: case Handler::shm_detach:
    case Handler::write_process:
      return record_memory(call);
    case Handler::clone: case Handler::clone3: case Handler::fork: case Handler::vfork: case Handler::exec:
    case Handler::exit: case Handler::exit_group: case Handler::set_tid_address: case Handler::set_robust_list:
    case Handler::get_robust_list:
    case Handler::rseq:
    case Handler::arch_prctl:
    case Handler::prctl:
    case Handler::yield:
      return record_task(call);
    case Handler::sigaction: case Handler::sigprocmask: case Handler::sigreturn: case Handler::sigaltstack:
    case Handler::sigsuspend:
    case Handler::sigtimedwait:
    case Handler::sigpending:
    case Handler::pause:
    case Handler::kill:
      return record_signal_call(call);
    case Handler::futex: case Handler::futex_waitv: return record_futex(call);
    case Handler::sleep: case Handler::clock_sleep: case Handler::clock: return record_time(call);
    default: return record_file(call);
  }
}

}  // namespace

bool alone() { return control().live_tasks == 1; }

i64 perform(const Call& call) {
  return raw_syscall(call.number, call.args[0], call.args[1], call.args[2], call.args[3], call.args[4], call.args[5]);
}

namespace {

// How much room the kernel may want for an output; 0 if it is not one flat buffer.
u64 output_room(const Call& call, const Access& a, int index) {
  switch (a.size) {
    case Size::returned_up_to: return call.args[a.from] * a.scale + a.plus;
    case Size::value_result: return static_cast<u64>(call.before[index]) * a.scale + a.plus;
    case Size::bytes: case Size::argument: case Size::fd_sets: return access_bytes(call, a, index, 0);
    default: return 0;
  }
}

}  // namespace

bool use_scratch(const Call& call, u64 args[6]) {
  for (int i = 0; i < 6; i++) args[i] = call.args[i];
  u8* at = scratch(call.task);
  u8* end = at + abi::kScratchBytes;
  for (int i = 0; i < call.row->accesses; i++) {
    const Access& a = call.row->access[i];
    u64 bytes = output_room(call, a, i);
    u8 probe;
    if (!(a.direction & model::kOut) || !call.args[a.argument] || !bytes) continue;
    // The kernel must meet the fault that the program's own memory would give.
    if (!read_program(call.args[a.argument], &probe)) return false;
    if (bytes > static_cast<u64>(end - at)) {
      if (a.size != Size::returned_up_to) return false;
      args[a.from] = (static_cast<u64>(end - at) - a.plus) / a.scale;  // a short read: any caller expects one
      bytes = args[a.from] * a.scale + a.plus;
    }
    // For outputs too: the kernel may leave parts of them as they were.
    ckpt_agent_copy(at, reinterpret_cast<void*>(call.args[a.argument]), bytes);
    args[a.argument] = reinterpret_cast<u64>(at);
    at += round_up(bytes, 64);
    if (at > end) at = end;
  }
  return true;
}

i64 copy_from_scratch(const Call& call, const u64 args[6], i64 result) {
  for (int i = 0; i < call.row->accesses; i++) {
    const Access& a = call.row->access[i];
    if (!(a.direction & model::kOut) || args[a.argument] == call.args[a.argument] || !applies(a, result)) continue;
    u64 room = output_room(call, a, i);
    u64 bytes = access_bytes(call, a, i, result);
    if (a.size == Size::value_result) {  // the length itself may still be in scratch
      u32 after = 0;
      read_program(args[a.from], &after);
      bytes = static_cast<u64>(after < call.before[i] ? after : call.before[i]) * a.scale + a.plus;
    }
    if (bytes > room) bytes = room;
    if (ckpt_agent_copy(reinterpret_cast<void*>(call.args[a.argument]), reinterpret_cast<void*>(args[a.argument]),
                        bytes) < bytes)
      result = -kEFAULT;
  }
  return result;
}

i64 perform_blocking_outputs(Call& call) {
  u64 args[6];
  if (alone() || !use_scratch(call, args)) return perform_blocking(call, call.args);
  return copy_from_scratch(call, args, perform_blocking(call, args));
}

bool signal_waiting(const Task* task) { return (task->pending & ~task->mask) != 0; }

i64 perform_blocking(Call& call, const u64 args[6]) {
  extern i64 blocking_syscall(Task*, u64, const u64*) asm("ckpt_agent_blocking_syscall");
  Task* task = call.task;
  give_turn(task, abi::TurnGiven::at_entry);
  i64 result;
  do {
    __atomic_store_n(&task->abort_blocking, 0u, __ATOMIC_RELAXED);
    asm volatile("" ::: "memory");
    if (signal_waiting(task)) {
      result = -kEINTR;
      break;
    }
    result = blocking_syscall(task, call.number, args);
  } while (result == -kEINTR && !signal_waiting(task) && call.number != __NR_connect);
  take_turn(task);
  return result;
}

void log_call_as(const Call& call, i64 result, const Row& row) {
  u32 task = call.task->number;
  bool ahead = output_bytes(call, row, result) > abi::kMaxPartBytes / 2;
  if (ahead)
    for (int i = 0; i < row.accesses; i++)
      if ((row.access[i].direction & model::kOut) && applies(row.access[i], result))
        visit_access(call, row.access[i], i, result,
                     [&](u64 address, u64 bytes) { log_data(task, row.access[i].argument, address, bytes); });
  EventBuilder event(abi::EventKind::syscall, static_cast<u16>(call.number), task);
  for (int i = 0; i < row.arguments; i++) event.arg(call.args[i]);
  for (int i = 0; i < row.accesses; i++) {
    const Access& a = row.access[i];
    bool output = a.direction & model::kOut;
    if (output && (ahead || !applies(a, result))) continue;
    bool whole = a.size == Size::text || a.size == Size::strings;
    visit_access(call, a, i, result, [&](u64 address, u64 bytes) {
      if (output)
        event.output(a.argument, address, bytes);
      else if (event.room() > 16384)
        event.input(a.argument, address, bytes, whole);
    });
  }
  event.commit(result);
}

void log_call(const Call& call, i64 result) { log_call_as(call, result, *call.row); }

void finish_event(Task* task) {
  begin_points(task);  // counted from this event on
  deliver_signals(task);
  if (turn_wanted()) {
    yield_turn(task, abi::TurnGiven::after_event, task->yields);
    if (signal_waiting(task)) deliver_signals(task);
  }
}

void on_syscall(Task* task) {
  Frame* f = task->frame;
  if (task->passthrough) {
    extern void pass_through(Task*);
    pass_through(task);
    return;
  }
  Call call{.task = task,
            .number = f->rax,
            .args = {f->rdi, f->rsi, f->rdx, f->r10, f->r8, f->r9},
            .row = nullptr,
            .before = {}};
  call.row = model::row_of(static_cast<u32>(call.number));
  if (call.number > 0xffff) call.row = nullptr;
  if (call.row)
    for (int i = 0; i < call.row->accesses; i++)
      if (call.row->access[i].size == Size::value_result)
        read_program(call.args[call.row->access[i].from], &call.before[i]);
  task->restart_number = call.number;
  i64 result = record_call(call);
  if (task->passthrough) {  // a forked child returns from its fork: it has no part in the turn
    f->rax = static_cast<u64>(result);
    return;
  }
  if (result != kFrameReplaced) {
    f->rax = static_cast<u64>(result);
    task->in_restart = result == -kEINTR;
  }
  finish_event(task);
  task->in_restart = 0;
}

void on_instruction(Task* task, Entry kind, u32 operand) {
  extern void record_instruction(Task*, Entry, u32);
  record_instruction(task, kind, operand);
}

namespace {

void pass_point(Task* task, bool yields) {
  if (task->passthrough) return;
  bool logged = false;
  if (turn_wanted()) {
    u64 events = control().events_written;
    yield_turn(task, abi::TurnGiven::at_point, yields);
    logged = control().events_written != events;
  }
  if (logged) begin_points(task);
  if (signal_waiting(task)) {
    deliver_signals(task);
    begin_points(task);
  } else {
    store(control().attention, 0u);
  }
}

}  // namespace

void on_point(Task* task) {
  if (!control().calls || task->passthrough) {
    pass_point(task, false);
    return;
  }
  u64 index = (task->entry->tail - reinterpret_cast<u64>(shim_table->points)) / CKPT_POINT_BYTES, caller = 0;
  const Frame* f = task->frame;
  read_program(f->rsp, &caller);
  EventBuilder event(abi::EventKind::call, static_cast<u16>(index), task->number);
  event.arg(points_of(task));
  event.arg(f->rdi);
  event.arg(f->rsi);
  event.arg(f->rdx);
  event.commit(static_cast<i64>(caller));
  finish_event(task);
}

// What the spin waits for cannot happen while this task runs.
void on_pause(Task* task) {
  task->points_left--;
  if (turn_wanted() || load(control().attention)) pass_point(task, true);
}

}  // namespace ckpt::agent
