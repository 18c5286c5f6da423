// Instructions whose result no log could guess: time stamps and hardware random numbers; the
// sites they are at; and a forked child, which makes everything for real.
#include "record/agent/call.h"
#include "record/agent/params.h"
#include "record/agent/request.h"
#include "record/agent/signals.h"
#include "record/agent/sites.h"
#include "record/agent/vdso.h"

namespace ckpt::agent {

void apply_instruction(Task* task, Entry kind, u32 operand, u64 value, u64 second);  // instructions.cc

namespace {

u64 read_tsc(u32* processor) {
  u32 low, high, aux = 0;
  if (!control().trap_tsc) {
    asm volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(aux));
    *processor = aux;
    return static_cast<u64>(high) << 32 | low;
  }
  // It traps, for us too: the same clock by the kernel's scale.
  Timespec now;
  raw_syscall(__NR_clock_gettime, 4, reinterpret_cast<u64>(&now));
  *processor = 0;
  u64 hz = control().tsc_hz;
  return static_cast<u64>(now.seconds) * hz + static_cast<u64>(now.nanoseconds) * (hz / 1000) / 1'000'000;
}

void log_instruction(Task* task, abi::InstructionKind kind, u64 value, u64 second) {
  EventBuilder event(abi::EventKind::instruction, static_cast<u16>(kind), task->number);
  event.arg(task->entry->site);
  event.arg(second);
  event.commit(static_cast<i64>(value));
}

u64 hardware_random() {
  u64 value = 0;
  raw_syscall(__NR_getrandom, reinterpret_cast<u64>(&value), 8, 0);
  return value;
}

}  // namespace

void record_instruction(Task* task, Entry kind, u32 operand) {
  u32 processor = 0;
  bool time_stamp = kind == Entry::rdtsc || kind == Entry::rdtscp;
  u64 value = time_stamp ? read_tsc(&processor) : hardware_random();
  if (!task->passthrough) {
    if (kind == Entry::random) {
      EventBuilder event(abi::EventKind::random, 0, task->number);
      event.commit(static_cast<i64>(value & 0xffffffff));
    } else {
      log_instruction(task, static_cast<abi::InstructionKind>(kind), value, processor);
    }
  }
  apply_instruction(task, kind, operand, value, processor);
  if (!task->passthrough) finish_event(task);
}

bool patch_site(Task* task, Entry kind, u64 site, u64 after_site, u64* tail) {
  if (!ask(abi::Request::site, static_cast<u64>(kind), site)) return false;
  abi::SitePlan plan;
  copy_bytes(&plan, exchange(), sizeof plan);
  for (u32 slot = 0; slot < slots_used; slot++) {
    Task* other = slot_task(slot);
    if (other->state != kLive || !other->frame || other == task) continue;
    u64 pc = other->frame->rip;
    if (pc - plan.window_start >= plan.window_bytes || pc == plan.window_start) continue;
    if (pc != after_site) return false;
    other->frame->rip = plan.tail;
  }
  if (plan.map_address) {
    constexpr u64 kFixedNoReplace = 0x100000, kPrivateAnonymous = 0x22;
    i64 mapped = raw_syscall(__NR_mmap, plan.map_address, plan.map_bytes, 5, kPrivateAnonymous | kFixedNoReplace, ~0ull, 0);
    if (static_cast<u64>(mapped) != plan.map_address) return false;
    u64 entry = zone() + CKPT_BLOB_ENTRY;
    if (!write_text(plan.entry_slot, &entry, 8)) return false;
    EventBuilder event(abi::EventKind::patch, static_cast<u16>(abi::PatchStep::map_trampolines), task->number);
    event.arg(plan.map_address);
    event.arg(plan.map_bytes);
    event.output(0, plan.entry_slot, 8);
    event.commit(0);
  }
  if (!write_text(plan.trampoline, plan.code, plan.trampoline_bytes)) return false;
  if (!write_text(plan.window_start, plan.window, plan.window_bytes)) return false;
  remember_window(plan.window_start, plan.window_bytes, after_site, plan.tail);
  EventBuilder event(abi::EventKind::patch, static_cast<u16>(abi::PatchStep::rewrite), task->number);
  event.arg(site);
  event.arg(after_site);
  event.arg(plan.tail);
  event.output(0, plan.trampoline, plan.trampoline_bytes);
  event.output(1, plan.window_start, plan.window_bytes);
  event.commit(0);
  *tail = plan.tail;
  return true;
}

}  // namespace ckpt::agent
