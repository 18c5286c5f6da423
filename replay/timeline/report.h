// A divergence in words: event, task, expected and met, and where the task stands.
#pragma once

#include <sys/types.h>

#include <string>

#include "record/supervisor/channel.h"
#include "record/supervisor/memory.h"

namespace ckpt {

// The agent waits in Request::replay_diverged.
std::string describe_divergence(Channel& channel, TraceeMemory& memory, pid_t pid);

}  // namespace ckpt
