// Saving vector state so that every byte depends on the registers' values alone. Shared by
// recording and replay.
#pragma once

#include "record/agent/task.h"
#include "record/sites/desc.h"

namespace ckpt::agent {

// XSAVE of everything enabled into `area`, in the standard format: xsave_size bytes, unused
// components zero and marked by their bytes, not by what the CPU tracks.
void save_vectors(u8* area);
// What the program's xsave, xsavec or xsaveopt does. False: a fault, half of it written.
bool emulate_xsave(Task* task, u32 operand);

}  // namespace ckpt::agent
