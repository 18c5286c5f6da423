// The signal that the supervisor interrupts a task with; programs have no use for it.
#pragma once

namespace ckpt {
inline constexpr int kControlSignalNumber = 16;  // SIGSTKFLT
}
