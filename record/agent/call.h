// A system call being recorded: its arguments, its row, and the steps every handler is made of.
//
// Threads: the caller holds the turn, but inside `perform_blocking`.
#pragma once

#include "record/agent/backend.h"
#include "record/agent/ring.h"
#include "trace/model/subcalls.h"
#include "trace/model/syscalls.h"

struct ShimTable;

namespace ckpt::agent {

struct Call {
  Task* task;
  u64 number;
  u64 args[6];
  const model::Row* row;
  // Value-result lengths before the call, by access.
  u32 before[model::kMaxAccesses];
};

// Makes the call and keeps the turn.
i64 perform(const Call& call);
// Gives the turn up, makes the call with `args`, takes the turn back. -EINTR if a signal for
// the program came first; never otherwise: it goes on waiting after our own interruptions.
i64 perform_blocking(Call& call, const u64 args[6]);
// The same for a call whose memory the kernel writes: into scratch while other tasks live.
i64 perform_blocking_outputs(Call& call);
// The two halves of it: arguments that point into scratch instead (false: not possible), and
// the way back. The result may become -EFAULT.
bool use_scratch(const Call& call, u64 args[6]);
i64 copy_from_scratch(const Call& call, const u64 args[6], i64 result);
// Logs the call as its row describes it.
void log_call(const Call& call, i64 result);
// Logs a call for which sub-tables say more: `access` says what argument is memory.
void log_call_as(const Call& call, i64 result, const model::Row& row);
bool alone();
// Whether a deliverable signal waits for the task.
bool signal_waiting(const Task* task);

// Deadlines: the kernel's relative timeouts do not survive our own interruptions.
bool deadline_after(u64 timespec_address, Timespec* deadline);
bool time_left(const Timespec& deadline, Timespec* left);

// What a descriptor is, as far as waiting goes. Cached; forgotten when it may have changed.
bool descriptor_may_block(u64 fd);
// Whether RWF_NOWAIT can be tried on it, and that it was refused.
bool descriptor_knows_no_wait(u64 fd);
void note_no_wait_unknown(u64 fd);
void forget_descriptor(u64 fd);
void forget_all_descriptors();

// The handlers; each logs its event and returns what the program gets.
i64 record_memory(Call& call);
i64 record_task(Call& call);
i64 record_signal_call(Call& call);
i64 record_futex(Call& call);
i64 record_file(Call& call);
i64 record_time(Call& call);
i64 record_stream(Call& call);

// A write() to a file that is mapped MAP_SHARED shows in the mapping.
void log_file_write(Call& call, i64 written);
// ftruncate() of a file while shared mappings live.
void log_file_cut(Call& call);
void log_direct_read(Call& call, i64 result);
void log_write_to_mapped(Call& call, u64 device, u64 inode, u64 offset, u64 bytes);
bool in_shared_mapping(u64 address);

// Code appeared in [address, address + bytes), or anywhere if both are 0: what it may hold that
// does not trap is rewritten (record_code.cc).
void prepare_code(Task* task, u64 address, u64 bytes);
// The program ran into a guarded page: lets it run, from now on with time stamps trapping. False: none is there.
bool lift_guards(Task* task);
// From now on rdtsc traps wherever it is not rewritten, and costs a kernel call where it is.
void trap_time_stamps(Task* task);

// What the shim jumps through; the program's memory.
extern ::ShimTable* shim_table;

// Says once, to the supervisor, that a call has no row or is refused.
void report_refused(u64 number, u64 sub_call);

// Ends the program's recording: logs the end, hashes memory if asked to.
void log_end(Task* task, abi::EndHow how, i64 status);
// Handlers of signals that may be delivered now.
void deliver_signals(Task* task);
// Signals and the end of the slice, after every event.
void finish_event(Task* task);
// Wakes up to `count` emulated futex waiters of this process. Returns how many.
u32 wake_futex(u64 address, u32 count, u32 bitset);
// The thread's part of dying that the kernel would do to program memory.
void leave_memory_as_kernel_would(Task* task);
void install_kernel_action(int signal);
// The kernel drops what would end the program by default.
void ignore_fatal_signals(Task* task);
void set_kernel_mask(Task* task, u64 mask);
void disarm_for_child(Task* task);

}  // namespace ckpt::agent
