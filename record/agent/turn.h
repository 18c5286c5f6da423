// The turn: only its holder runs program code (strict mode, recording).
//
// Waiting tasks queue in the order they came. A task that takes over from another logs a
// `turn` event which says how the turn was given up, so that replay changes tasks at the
// same place. Taking the turn back with nobody in between logs nothing.
#pragma once

#include "record/agent/task.h"

namespace ckpt::agent {

// Gives the turn up, before a call that may block (at_entry) or when the task ends.
void give_turn(Task* task, abi::TurnGiven how);
// Waits for the turn.
void take_turn(Task* task);
// At the end of an event, or at a point: lets the next waiting task run if the slice is over
// or `now` is set. Returns once the turn is back.
void yield_turn(Task* task, abi::TurnGiven how, bool now);
// Makes a task that does not run yet wait in the queue. The caller holds the turn.
void enqueue_ready(Task* task);
// Waits for the turn in the queue, where another task put us.
void wait_for_turn(Task* task);
// Sleeps until another task gives us the turn. `deadline` (CLOCK_MONOTONIC) may be null.
// Wakes early, without the turn, when it passes (-ETIMEDOUT) or a signal came (-EINTR), but
// only if `give_up(task)` agrees; 0 with the turn taken.
i64 await_turn(Task* task, const Timespec* deadline, bool (*give_up)(Task*));
// The first task has the turn without asking.
void first_turn(Task* task);
bool turn_wanted();

}  // namespace ckpt::agent
