// Instructions whose result no log could guess: time stamps and hardware random numbers.
#include "record/agent/call.h"

namespace ckpt::agent {

void apply_instruction(Task* task, Entry kind, u32 operand, u64 value, u64 second);  // instructions.cc

namespace {

// Where the counter stood when it began to trap, and the kernel's clock then.
u64 tsc_anchor;
Timespec clock_anchor;

constexpr u64 kRawClock = 4, kSetTsc = 26, kTscTraps = 2;

u64 native_tsc(u64* processor) {
  u32 low, high, aux;
  asm volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(aux));
  *processor = aux;
  return static_cast<u64>(high) << 32 | low;
}

u64 read_tsc(u64* processor) {
  if (!control().trap_tsc) return native_tsc(processor);
  // It traps, for us too: the kernel's clock in the same unit.
  Timespec now;
  raw_syscall(__NR_clock_gettime, kRawClock, reinterpret_cast<u64>(&now));
  *processor = 0;
  i64 seconds = now.seconds - clock_anchor.seconds, nanoseconds = now.nanoseconds - clock_anchor.nanoseconds;
  i64 hz = static_cast<i64>(control().tsc_hz);
  return tsc_anchor + static_cast<u64>(seconds * hz + nanoseconds * (hz / 1000) / 1'000'000);
}

void log_instruction(Task* task, abi::InstructionKind kind, u64 value, u64 second) {
  EventBuilder event(abi::EventKind::instruction, static_cast<u16>(kind), task->number);
  event.arg(task->entry->site);
  event.arg(second);
  if (kind == abi::InstructionKind::cpuid) event.arg(cpuid_question(task->frame));
  event.commit(static_cast<i64>(value));
}

// The answer as two words: eax and ebx, ecx and edx.
u64 ask_cpu(const Frame* f, u64* second) {
  u32 a = static_cast<u32>(f->rax), b, c = static_cast<u32>(f->rcx), d;
  asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  *second = static_cast<u64>(d) << 32 | c;
  return static_cast<u64>(b) << 32 | a;
}

u64 hardware_random() {
  u64 value = 0;
  raw_syscall(__NR_getrandom, reinterpret_cast<u64>(&value), 8, 0);
  return value;
}

}  // namespace

void record_instruction(Task* task, Entry kind, u32 operand) {
  bool time_stamp = kind == Entry::rdtsc || kind == Entry::rdtscp;
  if (time_stamp && process.tsc_mode == kTscTraps) {  // the program asked to be stopped by it
    fault_at_site(task);
    return;
  }
  u64 second = 0, value;
  if (time_stamp)
    value = read_tsc(&second);
  else if (kind == Entry::cpuid)
    value = ask_cpu(task->frame, &second);
  else
    value = hardware_random();
  if (!task->passthrough) {
    if (kind == Entry::random) {
      EventBuilder event(abi::EventKind::random, 0, task->number);
      event.commit(static_cast<i64>(value & 0xffffffff));
    } else {
      log_instruction(task, static_cast<abi::InstructionKind>(kind), value, second);
    }
  }
  apply_instruction(task, kind, operand, value, second);
  if (!task->passthrough) finish_event(task);
}

void trap_time_stamps(Task* task) {
  if (!control().trap_tsc) {
    u64 processor;
    tsc_anchor = native_tsc(&processor);
    raw_syscall(__NR_clock_gettime, kRawClock, reinterpret_cast<u64>(&clock_anchor));
    control().trap_tsc = 1;
  }
  if (task->tsc_traps) return;
  task->tsc_traps = 1;
  if (failed(raw_syscall(__NR_prctl, kSetTsc, kTscTraps, 0, 0, 0))) report_refused(__NR_prctl, kSetTsc);
}

}  // namespace ckpt::agent
