// Changing program code while recording: sites that trapped, and code that appears. The
// supervisor plans (site_planner.h), here it is done and logged.
#include "record/agent/call.h"
#include "record/agent/params.h"
#include "record/agent/request.h"
#include "record/agent/sites.h"
#include "record/agent/vdso.h"

namespace ckpt::agent {

using abi::PatchStep;

namespace {

// Sites that stay slow, so that the supervisor is asked once. A forgotten one is asked again.
constexpr u64 kRefusedSites = 1021;
u64 refused_sites[kRefusedSites];

bool map_trampolines(Task* task, const abi::SitePlan& plan, i64 result) {
  constexpr u64 kFixedNoReplace = 0x100000, kPrivateAnonymous = 0x22;
  i64 mapped =
      raw_syscall(__NR_mmap, plan.map_address, plan.map_bytes, 5, kPrivateAnonymous | kFixedNoReplace, ~0ull, 0);
  u64 entry = zone() + CKPT_BLOB_ENTRY;
  if (static_cast<u64>(mapped) != plan.map_address || !write_text(plan.entry_slot, &entry, 8)) return false;
  EventBuilder event(abi::EventKind::patch, static_cast<u16>(PatchStep::map_trampolines), task->number);
  event.arg(plan.map_address);
  event.arg(plan.map_bytes);
  event.output(0, plan.entry_slot, 8);
  event.commit(result);
  remember_trampolines(plan.map_address, plan.map_bytes);
  return true;
}

// Whether no other task stands between the instructions of the window; those behind the site
// go on in the trampoline.
bool leave_window(Task* task, const abi::SitePlan& plan) {
  for (u32 slot = 0; slot < slots_used; slot++) {
    Task* other = slot_task(slot);
    if (other->state != kLive || !other->frame || other == task) continue;
    u64 pc = other->frame->rip;
    if (pc - plan.window_start >= plan.window_bytes || pc == plan.window_start) continue;
    if (pc != plan.after_site) return false;
    other->frame->rip = plan.tail;
  }
  return true;
}

bool window_is_original(const abi::SitePlan& plan) {
  u8 now[sizeof plan.original] = {};
  if (ckpt_agent_copy(now, reinterpret_cast<void*>(plan.window_start), plan.window_bytes) < plan.window_bytes)
    return false;
  for (u32 i = 0; i < plan.window_bytes; i++)
    if (now[i] != plan.original[i]) return false;
  return true;
}

bool rewrite(Task* task, const abi::SitePlan& plan, i64 result) {
  // Later plans count on the memory, whatever becomes of this one.
  if (plan.map_address && !map_trampolines(task, plan, result)) return false;
  if (!window_is_original(plan) || !leave_window(task, plan)) return false;
  if (!write_text(plan.trampoline, plan.code, plan.trampoline_bytes)) return false;
  if (!write_text(plan.window_start, plan.window, plan.window_bytes)) return false;
  remember_window(plan.window_start, plan.window_bytes, plan.after_site, plan.tail);
  EventBuilder event(abi::EventKind::patch, static_cast<u16>(PatchStep::rewrite), task->number);
  event.arg(plan.site);
  event.arg(plan.after_site);
  event.arg(plan.tail);
  event.output(0, plan.trampoline, plan.trampoline_bytes);
  event.output(1, plan.window_start, plan.window_bytes);
  event.commit(result);
  return true;
}

bool stop_at(Task* task, const abi::SitePlan& plan) {
  if (!window_is_original(plan)) return false;
  if (!place_breakpoint(Breakpoint{plan.site, plan.after_site, plan.kind, plan.operand, 0})) return false;
  EventBuilder event(abi::EventKind::patch, static_cast<u16>(PatchStep::breakpoint), task->number);
  event.arg(plan.site);
  event.arg(plan.after_site);
  event.arg(plan.kind);
  event.arg(plan.operand);
  event.commit(1);
  return true;
}

void guard_pages(Task* task, u64 start, u64 bytes, u32 protection, i64 result) {
  set_guard(start, bytes, protection);
  EventBuilder event(abi::EventKind::patch, static_cast<u16>(PatchStep::guard), task->number);
  event.arg(start);
  event.arg(bytes);
  event.arg(protection);
  event.commit(result);
}

}  // namespace

bool patch_site(Task* task, Entry kind, u64 site, u64, u64* tail) {
  u64& known = refused_sites[site % kRefusedSites];
  if (known == site) return false;
  if (!ask(abi::Request::site, static_cast<u64>(kind), site)) {
    known = site;
    return false;
  }
  abi::SitePlan plan;
  copy_bytes(&plan, exchange(), sizeof plan);
  if (!rewrite(task, plan, 0)) {
    if (!window_is_original(plan)) known = site;
    return false;
  }
  *tail = plan.tail;
  return true;
}

void prepare_code(Task* task, u64 address, u64 bytes) {
  bool unknown = false;
  u64 first = 1;
  while (u64 count = ask(abi::Request::code, address, bytes, first)) {
    auto* plans = reinterpret_cast<const abi::SitePlan*>(exchange());
    for (u64 i = 0; i < count; i++) {
      const abi::SitePlan& plan = plans[i];
      if (is_changed(plan.site) && plan.step != PatchStep::guard) continue;
      if (plan.step == PatchStep::guard)
        guard_pages(task, plan.window_start, plan.window_bytes, plan.protection, 1);
      else if (plan.step == PatchStep::breakpoint || !rewrite(task, plan, 1))
        unknown |= !stop_at(task, plan);
    }
    first = 0;
  }
  if (control().results[1] || unknown) trap_time_stamps(task);
}

bool lift_guards(Task* task) {
  constexpr u64 kFetch = 0x10;
  constexpr u32 kReadExecute = 5;
  if (!(task->fault_error & kFetch) || !guard_at(task->fault_address)) return false;
  // All of them: they may meet, and from now on they gain nothing.
  trap_time_stamps(task);
  while (const Guard* guard = any_guard()) {
    Guard lifted;
    copy_bytes(&lifted, guard, sizeof lifted);
    guard_pages(task, lifted.start, lifted.bytes, kReadExecute, 0);
  }
  return true;
}

}  // namespace ckpt::agent
