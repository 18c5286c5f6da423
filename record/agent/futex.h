// Futexes of recorded tasks live in the agent: who waits where is decided under the turn, so
// waking costs one kernel call at the hand-over and nothing else. Words in memory shared with
// other processes go to the kernel.
#pragma once

#include "record/agent/base.h"

namespace ckpt::agent {

enum FutexState : u32 { kFutexIdle = 0, kFutexWaiting = 1, kFutexWoken = 2, kFutexGaveUp = 3 };

// The operations, from linux/futex.h.
enum FutexOp : u32 {
  kOpWait = 0, kOpWake = 1, kOpRequeue = 3, kOpCmpRequeue = 4, kOpWakeOp = 5, kOpLockPi = 6, kOpUnlockPi = 7,
  kOpTrylockPi = 8, kOpWaitBitset = 9, kOpWakeBitset = 10, kOpWaitRequeuePi = 11, kOpCmpRequeuePi = 12, kOpLockPi2 = 13,
};
inline constexpr u32 kFutexPrivate = 128, kFutexRealtime = 256;
inline constexpr u32 kFutexWaiters = 0x80000000, kFutexOwnerDied = 0x40000000, kFutexTidMask = 0x3fffffff;

}  // namespace ckpt::agent
