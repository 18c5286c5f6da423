// The code that a rewritten site jumps to.
//
//   window:   jmp trampoline; int3 to its end
//
//   trampoline:
//             <instructions moved from before the site>
//             mov  %rcx, %gs:0x10          the only scratch: no stack, no red zone, no flags
//             lea  desc(%rip), %rcx
//             jmp  *entry_slot(%rip)       the agent; it resumes the program at `tail`
//   tail:     <instructions moved from behind the site>
//             jmp  window end              unless the last of them is a ret or jmp
//             int3 up to a multiple of 8
//   desc:     TrampolineDesc               see desc.h
//
// Owns:    a Trampoline is a value: bytes to write, and where.
// Threads: any number at once.
// Errors:  limit if a rel32 cannot reach: from the window to the trampoline or back, to the
//          entry slot, or from a moved instruction to what it refers to. Error::where is the
//          address out of reach. The caller tries nearer trampoline memory.
#pragma once

#include <cstdint>
#include <vector>

#include "record/sites/window.h"
#include "trace/base/result.h"

namespace ckpt::sites {

// No trampoline is longer.
inline constexpr uint32_t kMaxTrampolineBytes = 144;

// A task stopped at `from`, between the instructions of the window, goes on at `to`.
struct Redirect {
  uint64_t from;
  uint64_t to;
};

struct Trampoline {
  std::vector<uint8_t> code;   // for the trampoline's address: code, then description
  std::vector<uint8_t> patch;  // for the window's start: as long as the window
  uint32_t tail_offset;        // in `code`
  uint32_t desc_offset;

  // One for each instruction boundary inside the window, by address. A task whose pc is the
  // window's start needs none: it finds the jump there.
  std::vector<Redirect> redirects;
};

// `site_runtime_addr` is where the window's start is mapped. Any 8 bytes may hold the entry
// slot; an 8-aligned slot can be changed while tasks run.
Result<Trampoline> build_trampoline(const Window& window, uint64_t site_runtime_addr, uint64_t trampoline_runtime_addr,
                                    uint64_t entry_slot_addr);

}  // namespace ckpt::sites
