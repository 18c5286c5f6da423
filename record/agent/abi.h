// The contract between the agent, the shim and the supervisor: where the zone is, what
// the shared pages hold, and the bytes of an event. Fixed widths, no pointers, nothing
// but <stdint.h>, so that freestanding code, host code and assembly offsets agree.
//
// Changing anything here raises kAbiVersion, which is stored in every trace.
//
// Threads: one writer each: the holder of the turn writes the ring and the request, the
// supervisor writes the answer, the tick and `ring_read`.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace ckpt::abi {

inline constexpr uint32_t kAbiVersion = 2;

// ---- The zone -------------------------------------------------------------------------
// A reserved range of the tracee's address space. 0x7e9000000000 lies below where the
// kernel puts mmap (0x7efc… at the lowest, with 28 random bits), above what ASan's shadow
// needs, and inside what TSan calls application memory.
inline constexpr uint64_t kZoneCandidates[] = {0x7e9000000000, 0x7eb000000000, 0x7ea000000000, 0x7e8800000000};
inline constexpr uint64_t kZoneBytes = 8ull << 30;

inline constexpr uint64_t kBlobOffset = 0;                 // the agent proper: text, data, bss
inline constexpr uint64_t kBlobBytes = 4ull << 20;
inline constexpr uint64_t kSharedOffset = 4ull << 20;      // Control, exchange buffer, ring: one shared memfd
inline constexpr uint64_t kControlBytes = 64ull << 10;
inline constexpr uint64_t kExchangeOffset = kSharedOffset + kControlBytes;
inline constexpr uint64_t kExchangeBytes = 4ull << 20;
inline constexpr uint64_t kRingOffset = kExchangeOffset + kExchangeBytes;
inline constexpr uint64_t kRingBytes = 8ull << 20;         // a power of two
// The ring is mapped twice in a row, so that an event never wraps.
inline constexpr uint64_t kSharedBytes = kControlBytes + kExchangeBytes + kRingBytes;
inline constexpr uint64_t kVdsoOffset = 64ull << 20;       // the real vvar and vDSO, moved here
inline constexpr uint64_t kVdsoBytes = 1ull << 20;
// Calls from below this are the agent's own: nothing of the program's lies there.
inline constexpr uint64_t kOwnCodeBytes = kVdsoOffset + kVdsoBytes;
inline constexpr uint64_t kTasksOffset = 256ull << 20;     // task slots
inline constexpr uint64_t kTaskSlotBytes = 128ull << 10;
inline constexpr uint32_t kTaskSlots = 4096;
inline constexpr uint64_t kScratchOffset = 1ull << 30;     // 1 MiB of scratch for each slot
inline constexpr uint64_t kScratchBytes = 1ull << 20;
static_assert(kRingOffset + 2 * kRingBytes <= kVdsoOffset);
static_assert(kTasksOffset + kTaskSlots * kTaskSlotBytes <= kScratchOffset);
static_assert(kScratchOffset + kTaskSlots * kScratchBytes <= kZoneBytes);

// ---- Events ---------------------------------------------------------------------------
enum class EventKind : uint8_t {
  syscall = 1,      // number: syscall; result; args as the program passed them
  turn = 2,         // number: TurnGiven; task: who has it now; args: previous task, points since its last event
  signal = 3,       // number: signal; args: SignalHow, handler; an input part with the siginfo_t
  instruction = 4,  // number: InstructionKind; result: what it gave; args: pc, second result
  patch = 5,        // number: PatchStep; args by step; output parts with the bytes written
  task_start = 6,   // task: the new one; result: its tid; args: parent task, clone flags
  task_end = 7,     // task: the ended one; result: exit status
  end = 8,          // number: EndHow; result: exit status or signal
  image = 9,        // checkpoint `args[0]` was taken here
  random = 10,      // std::random_device and its like: result: the value
  call = 12,        // number: place in trace/model/interposed.inc; result: where it was called from; args: points since
                    // the task's last event, three argument registers. Only with `ckpt record --calls`
  data = 11,        // number: DataStep; output parts that belong ahead of the task's next event
};

// How the state of a task that was interrupted between events is kept: the registers in the
// order of a Frame, then a hash of the stack. They follow the event's other arguments.
inline constexpr uint32_t kStateWords = 19;
enum class TurnGiven : uint16_t { at_entry = 0, after_event = 1, at_point = 2, task_end = 3, interrupted = 4 };
enum class SignalHow : uint64_t {
  asynchronous = 0,
  synchronous = 1,
  interrupted = 2
};  // 2: between events, not exactly replayable
enum class InstructionKind : uint16_t { rdtsc = 1, rdtscp = 2, rdrand = 3, rdseed = 4, cpuid = 6 };
// A patch event whose result is 1 belongs to the event before it, else to the next one of its task.
// breakpoint: an int3 where no jump fits; guard: pages of code without the right to execute, or
// with it again, because bytes on them may be an instruction that we must see.
enum class PatchStep : uint16_t { map_trampolines = 0, rewrite = 1, breakpoint = 2, guard = 3 };
// cut: a mapped file got another length; args: device, inode, bytes
// shown: bytes that a call copied to a standard stream past the program's memory; args: descriptor
enum class DataStep : uint16_t { write = 0, cut = 1, shown = 2 };
enum class EndHow : uint16_t { exit_group = 0, signal = 1, exec = 2, lost = 3 };

// An event in the ring and in memory everywhere: this header, `args` times u64, then parts
// until `bytes` are used. Always a multiple of 8. An event's number is its place.
struct EventHeader {
  uint32_t bytes;       // of all of it, header included
  EventKind kind;
  uint8_t args;         // how many u64 follow
  uint16_t number;
  uint32_t task;        // task number, from 1, never reused within a trace
  uint32_t time_100us;  // since the recording began; as fine as the supervisor's tick
  int64_t result;       // for a syscall: what it left in rax
};
static_assert(sizeof(EventHeader) == 24 && offsetof(EventHeader, result) == 16);

enum class PartRole : uint8_t {
  output = 0,  // the kernel wrote these bytes at `address`: replay writes them
  input = 1,   // the program passed these bytes at `address`: replay compares them
};
struct Part {           // followed by `bytes` bytes, padded with zeros to a multiple of 8
  uint64_t address;
  uint32_t bytes;
  PartRole role;
  uint8_t argument;     // which argument it belongs to
  uint16_t cut;         // 1: an input longer than what is kept
};
static_assert(sizeof(Part) == 16);
inline constexpr uint32_t kInputKept = 32;          // bytes kept of an input buffer that is no string
inline constexpr uint32_t kMaxPartBytes = 512u << 10; // a longer output goes ahead in `data` events

// ---- Requests: the agent asks, the supervisor answers ------------------------------------
enum class Request : uint32_t {
  none = 0,
  image = 1,       // args: pointer to ImageStart. Take checkpoint 0; copy commands follow
  site = 2,        // args: InstructionKind or 0, pc. Answer: 1 and a SitePlan in the exchange buffer, or 0
  file_mapped = 3, // args: address, bytes, file offset, flags, prot. Take a copy of the mapped file
  final_hash = 4,  // hash all memory; copy commands follow
  code = 5,        // args: address, bytes, 1 if asked first (0, 0: everything). How many changes this code needs
                   // before it runs; as many SitePlans. 0: no more. results[1]: time stamps must trap, too
  refused = 6,     // args: syscall, sub-call. Something had no row
  hello = 7,       // the agent is in place
  copied = 9,      // a command was carried out: results[0] says how it went
  // Replay only.
  more_events = 32,     // the ring is empty: fill it
  replay_diverged = 33, // args: Divergence, then values by kind; the event met is in the exchange buffer
  replay_end = 34,      // args: task, 1 if the trace is not exact from here on. Verify memory, then end
  file_cut = 36,        // args: device, inode, bytes: a mapped file got another length
  file_wanted = 35,     // args: hash, shared identity. Answer: a path to open in the exchange buffer
};

enum class Command : uint32_t {
  none = 0,
  done = 1,    // request finished: results hold the answer
  copy = 2,    // args: address, bytes: copy program memory to the exchange buffer. Answers bytes copied in results[0]
  fill = 3,    // args: address, bytes: copy the exchange buffer to program memory
  call = 4,    // args: syscall, six arguments: make it and put what it gave in results[0]
};

enum class Divergence : uint64_t {
  syscall = 1,      // args: number, expected number
  argument = 2,     // args: which, met, expected
  input = 3,        // args: which argument, offset of the first differing byte
  task = 4,         // the trace goes on with another task than the one that made an event
  kind = 5,         // another kind of event was met than the trace holds
  signal = 6,       // a fault that the trace does not hold
  result = 7,       // performing a call gave another result
  point = 8,
};

// What the agent is to do for a patch. In the exchange buffer after Request::site.
struct SitePlan {
  PatchStep step;              // never map_trampolines: that comes with a rewrite
  uint16_t pad;
  uint32_t kind, operand;      // as in sites::TrampolineDesc
  uint32_t protection;         // guard: PROT_* of the window's pages from now on
  uint64_t site, after_site;
  uint64_t window_start;       // guard: pages
  uint32_t window_bytes;
  uint32_t trampoline_bytes;
  uint64_t trampoline;         // where it goes
  uint64_t map_address;        // nonzero: map trampoline pages here first
  uint64_t map_bytes;
  uint64_t entry_slot;         // address of the 8-byte slot to fill with the entry, when map_address is set
  uint64_t tail;               // where the agent resumes
  uint8_t original[16];        // what the window must hold, else nothing is done
  uint8_t window[16];          // new bytes of the window
  uint8_t code[256];           // the trampoline
};

struct Control {
  uint32_t abi_version;
  uint32_t replaying;
  // The supervisor's clock.
  uint32_t tick;               // bumps once a slice
  uint32_t attention;          // nonzero: someone waits and the slice is over, or a signal is pending: enter at points
  uint32_t time_100us;
  uint32_t slice_us;
  uint32_t calls;              // 1: every interposed call is an event
  // Request channel. `request_number` is raised by the agent (futex), `answer_number` by the supervisor (futex).
  uint32_t request_number;
  uint32_t answer_number;
  Request request;
  Command command;
  uint64_t args[8];
  uint64_t results[8];
  // The ring. Byte counts since the start; the place is the count modulo kRingBytes.
  alignas(64) uint64_t ring_written;   // release by the agent
  uint64_t events_written;
  uint32_t producer_waits;             // futex word of an agent that waits for room
  alignas(64) uint64_t ring_read;      // release by the supervisor
  uint32_t supervisor_asleep;          // 1: wake it when a quarter of the ring is full
  uint32_t wake_supervisor;            // futex word: anything that wants it now
  uint32_t discard;                    // the log is full or broken: events are dropped
  uint32_t supervisor_pid;
  // Facts for the supervisor.
  alignas(64) uint32_t waiting_tasks;  // tasks that wait for the turn
  uint32_t live_tasks;
  uint32_t holder_tid;                 // kernel tid of the turn's holder, 0 if free
  uint32_t holder_task;
  uint64_t children;                   // processes that left the recording
  uint64_t switches;
  uint64_t slow_entries;               // entries by trap
  uint64_t inexact;                    // interruptions between events: not exactly replayable past them
  uint64_t divergence_event;
  // Options.
  uint32_t verify;
  uint32_t quiet;
  uint32_t verbose;
  uint32_t go_on_without_supervisor;
  uint64_t zone_base;
  uint64_t tsc_hz;
  uint32_t trap_mode;                  // 0 user dispatch, 1 seccomp
  uint32_t use_fsgsbase;
  uint32_t trap_tsc;                   // 1: there is code whose time stamp instructions are not all known
  uint32_t failed_line;                // nonzero: the agent met a bug of ours, with three values
  uint64_t failed_values[3];
  uint32_t execs;                      // 1: inside an execve of the program itself
};
static_assert(sizeof(Control) <= kControlBytes);
// Images of programs point to these two.
static_assert(offsetof(Control, attention) == 12 && offsetof(Control, calls) == 24);
inline constexpr uint64_t kMaxPlans = kExchangeBytes / sizeof(SitePlan);

}  // namespace ckpt::abi
