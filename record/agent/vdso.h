// The vDSO. Its functions answer without a syscall, so they must be seen: the real one moves
// into the zone, where the agent calls it, and a copy whose functions enter the agent takes
// its place.
#pragma once

#include "record/agent/base.h"

namespace ckpt::agent {

// Where the kernel put it; all zero if there is none.
struct VdsoPlace {
  u64 data_start, clock_start, vdso_start, vdso_end;  // [vvar], [vvar_vclock] (0: none), [vdso]
};

// Moves the real one and writes the copy. False: left as it was, nothing changed.
bool move_vdso(const VdsoPlace& place);
// Answers clock_gettime and its like by the moved vDSO. False: the kernel has to.
bool ask_vdso(u64 number, const u64 args[6], i64* result);

}  // namespace ckpt::agent
