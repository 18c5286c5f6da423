// Entry dispatch, task slots and the small things every part of the agent uses.
#include "record/agent/backend.h"
#include "record/agent/signals.h"
#include "record/agent/sites.h"
#include "record/agent/vectors.h"

namespace ckpt::agent {

static constexpr u64 kArithmeticFlags = 0x8d5;

u32 slots_used;
ProcessState process;

void copy_bytes(void* to, const void* from, u64 bytes) {
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
}

void zero_bytes(void* to, u64 bytes) {
  asm volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(0) : "memory");
}

u64 text_bytes(u64 address, u64 limit) {
  for (u64 done = 0; done < limit;) {
    char part[64];
    u64 room = 64 - (address + done) % 64;  // never read past a page that the text does not reach
    if (room > limit - done) room = limit - done;
    u64 got = ckpt_agent_copy(part, reinterpret_cast<const void*>(address + done), room);
    for (u64 i = 0; i < got; i++)
      if (part[i] == 0) return done + i + 1;
    if (got < room) return 0;
    done += got;
  }
  return limit;
}

void agent_failed(u32 line, u64 a, u64 b, u64 c) {
  abi::Control& shared = control();
  if (shared.failed_line == 0) {
    shared.failed_values[0] = a;
    shared.failed_values[1] = b;
    shared.failed_values[2] = c;
    store(shared.failed_line, line);
  }
  raw_syscall(__NR_exit_group, 125);
  __builtin_trap();
}

void set_gs(Task* task) {
  if (control().use_fsgsbase)
    asm volatile("wrgsbase %0" : : "r"(task));
  else
    raw_syscall(__NR_arch_prctl, 0x1001, reinterpret_cast<u64>(task));
}

u64 get_fs() {
  u64 base = 0;
  if (control().use_fsgsbase)
    asm volatile("rdfsbase %0" : "=r"(base));
  else
    raw_syscall(__NR_arch_prctl, 0x1003, reinterpret_cast<u64>(&base));
  return base;
}

void set_fs(u64 base) {
  if (control().use_fsgsbase)
    asm volatile("wrfsbase %0" : : "r"(base));
  else
    raw_syscall(__NR_arch_prctl, 0x1002, base);
}

Task* new_task() {
  for (u32 slot = 0; slot < abi::kTaskSlots; slot++) {
    Task* task = slot_task(slot);
    if (slot < slots_used && (task->state != kSlotFree || load(task->kernel_tid_word) != 0)) continue;
    if (slot >= slots_used) slots_used = slot + 1;
    zero_bytes(task, sizeof(Task));
    task->self = task;
    task->slot = slot;
    task->stack_top = reinterpret_cast<u64>(task) + kStackTopOffset;
    begin_points(task);
    task->number = ++process.next_task_number;
    task->altstack.flags = 2;  // SS_DISABLE
    task->actions = process_actions;
    task->state = kLive;
    return task;
  }
  return nullptr;
}

extern "C" void ckpt_agent_first_task() {
  Task* task = new_task();
  set_gs(task);
}

void fault_at_site(Task* task) {
  constexpr int kByKernel = 0x80;
  constexpr u64 kGeneralProtection = 13;
  zero_bytes(task->fault_info, sizeof task->fault_info);
  auto* info = reinterpret_cast<int*>(task->fault_info);
  info[0] = kSIGSEGV;
  info[2] = kByKernel;
  task->fault_error = task->fault_address = 0;
  task->fault_trap = kGeneralProtection;
  task->frame->rip = restart_address(task->entry->site);
  if (task->passthrough) {  // an unrecorded child: the kernel has its actions
    raw_syscall(__NR_kill, static_cast<u64>(raw_syscall(__NR_getpid)), kSIGSEGV);
    return;
  }
  on_fault(task);
}

extern "C" void ckpt_agent_entered(Frame* frame, const EntryDesc* desc) {
  Task* task = current();
  task->frame = frame;
  task->entry = desc;
  switch (static_cast<Entry>(desc->kind)) {
    case Entry::syscall:
      // As the kernel leaves them.
      frame->rcx = desc->after_site;
      frame->r11 = frame->rflags;
      on_syscall(task);
      break;
    case Entry::rdtsc:
    case Entry::rdtscp:
    case Entry::rdrand:
    case Entry::rdseed:
    case Entry::cpuid:
    case Entry::random:
      on_instruction(task, static_cast<Entry>(desc->kind), desc->operand);
      break;
    case Entry::pause:
      on_pause(task);
      break;
    case Entry::xsave:
      if (!emulate_xsave(task, desc->operand)) fault_at_site(task);
      break;
    case Entry::fault:
      on_fault(task);
      break;
    case Entry::interrupt:
      on_interrupt(task);
      break;
    case Entry::point:
      // The shim's arithmetic left them, and not the same in recording and replay; a signal frame shows them.
      frame->rflags &= ~kArithmeticFlags;
      on_point(task);
      break;
    case Entry::start:
      initialise(task);
      break;
    default:
      agent_failed(__LINE__, desc->kind);
  }
  task->frame = nullptr;
}

}  // namespace ckpt::agent
