// Which instructions may leave their place, and how. Private to record_sites.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "record/sites/window.h"

namespace ckpt::sites {

// Whether the trampoline may execute it before it enters the agent, after, or both.
enum class Side : uint8_t { before, after };

// How to move the instruction that `bytes` begin with, from `vaddr`; nothing if it must
// stay. `offset` is left 0.
std::optional<MovedInstruction> movable(std::span<const uint8_t> bytes, uint64_t vaddr, Side side);

}  // namespace ckpt::sites
