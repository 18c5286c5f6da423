// Asking the supervisor: one request at a time, by whoever holds the turn.
#pragma once

#include "record/agent/base.h"

namespace ckpt::agent {

// Whether the supervisor is dead.
bool supervisor_is_gone();

// Posts the request, serves the supervisor's commands until it says done, and returns
// results[0]. Further results stay in control().results.
u64 ask(abi::Request request, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0, u64 e = 0, u64 f = 0);

}  // namespace ckpt::agent
