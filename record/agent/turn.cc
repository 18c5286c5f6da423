#include "record/agent/turn.h"

#include "record/agent/call.h"
#include "record/agent/ring.h"

namespace ckpt::agent {

namespace {

u32 queue_lock;
Task* holder;
Task* queue_first;
Task* queue_last;
u32 waiting;

// How the turn was last given up: goes into the next holder's `turn` event.
u32 last_holder;
u16 last_how;
u64 last_points;
u64 last_state[abi::kStateWords];  // if it was interrupted

void lock_queue() {
  for (u32 tries = 0; __atomic_exchange_n(&queue_lock, 1u, __ATOMIC_ACQUIRE); tries++) {
    if (tries < 50)
      __builtin_ia32_pause();
    else
      raw_syscall(__NR_sched_yield);
  }
}
void unlock_queue() { __atomic_store_n(&queue_lock, 0u, __ATOMIC_RELEASE); }

void set_waiting(u32 count) {
  waiting = count;
  __atomic_store_n(&control().waiting_tasks, count, __ATOMIC_RELAXED);
}

void append(Task* task) {
  task->turn_next = nullptr;
  if (queue_last)
    queue_last->turn_next = task;
  else
    queue_first = task;
  queue_last = task;
  set_waiting(waiting + 1);
}

Task* pop_first() {
  Task* task = queue_first;
  if (!task) return nullptr;
  queue_first = task->turn_next;
  if (!queue_first) queue_last = nullptr;
  set_waiting(waiting - 1);
  return task;
}

void wake(Task* task) {
  store(task->turn_word, 1u);
  futex_wake(&task->turn_word);
}

// The turn is ours now: say so in the log if another task had it.
void took(Task* task) {
  abi::Control& shared = control();
  task->slice_tick = load(shared.tick);
  shared.holder_tid = task->tid;
  shared.holder_task = task->number;
  if (shared.attention) store(shared.attention, 0u);
  if (shared.trap_tsc && !task->tsc_traps) trap_time_stamps(task);
  if (last_holder == task->number) return;
  shared.switches++;
  EventBuilder event(abi::EventKind::turn, last_how, task->number);
  event.arg(last_holder);
  event.arg(last_points);
  if (last_how == static_cast<u16>(abi::TurnGiven::interrupted))
    for (u64 word : last_state) event.arg(word);
  event.commit(0);
  last_holder = task->number;
}

void hand_over(Task* task, abi::TurnGiven how, bool come_back) {
  last_how = static_cast<u16>(how);
  last_points = points_of(task);
  last_holder = task->number;
  if (how == abi::TurnGiven::interrupted) take_state(*task->frame, last_state);
  lock_queue();
  Task* next = pop_first();
  if (come_back) append(task);
  holder = next;
  if (!next) control().holder_tid = 0;
  unlock_queue();
  if (next) wake(next);
}

}  // namespace

void wait_for_turn(Task* task) {
  while (load(task->turn_word) == 0) futex_wait(&task->turn_word, 0);
  task->turn_word = 0;
  task->yields = 0;
  took(task);
}

void first_turn(Task* task) {
  holder = task;
  last_holder = task->number;
  took(task);
}

void give_turn(Task* task, abi::TurnGiven how) { hand_over(task, how, false); }

void take_turn(Task* task) {
  lock_queue();
  if (!holder) {
    holder = task;
    unlock_queue();
    took(task);
    return;
  }
  append(task);
  unlock_queue();
  wait_for_turn(task);
}

void yield_turn(Task* task, abi::TurnGiven how, bool now) {
  if (__atomic_load_n(&waiting, __ATOMIC_RELAXED) == 0) return;
  if (!now && load(control().tick) == task->slice_tick) return;
  hand_over(task, how, true);
  wait_for_turn(task);
}

i64 await_turn(Task* task, const Timespec* deadline, bool (*give_up)(Task*)) {
  extern i64 blocking_syscall(Task*, u64, const u64*) asm("ckpt_agent_blocking_syscall");
  constexpr u64 kWaitBitset = 9, kAnyBit = 0xffffffff;
  const u64 wait[6] = {reinterpret_cast<u64>(&task->turn_word), kWaitBitset, 0,
                       reinterpret_cast<u64>(deadline),         0,           kAnyBit};
  bool may_give_up = true;
  while (load(task->turn_word) == 0) {
    i64 result;
    __atomic_store_n(&task->abort_blocking, 0u, __ATOMIC_RELAXED);
    asm volatile("" ::: "memory");
    if (may_give_up && (task->pending & ~task->mask))
      result = -kEINTR;
    else if (may_give_up)
      result = blocking_syscall(task, __NR_futex, wait);
    else
      result = futex_wait(&task->turn_word, 0);
    if (load(task->turn_word) || !may_give_up) continue;
    if (result == -kETIMEDOUT || (task->pending & ~task->mask)) {
      if (give_up(task)) return result == -kETIMEDOUT ? result : -kEINTR;
      may_give_up = false;
    }
  }
  task->turn_word = 0;
  took(task);
  return 0;
}

void enqueue_ready(Task* task) {
  lock_queue();
  append(task);
  unlock_queue();
}

bool turn_wanted() { return __atomic_load_n(&waiting, __ATOMIC_RELAXED) != 0; }

}  // namespace ckpt::agent
