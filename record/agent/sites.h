// Rewriting intercepted instructions into jumps to trampolines. The supervisor decides with
// Zydis whether and how (record/sites); here the bytes are written, in recording and, from
// the patch events, in replay.
#pragma once

#include "record/agent/task.h"

namespace ckpt::agent {

// Writes `bytes` over program text, whatever its protection. `protection` is put back.
bool write_text(u64 address, const void* bytes, u64 count);
// Remembers a rewritten window so that a saved pc inside it can be moved.
void remember_window(u64 start, u32 bytes, u64 after_site, u64 tail);
// Where to go on for a saved pc: itself, or the trampoline's tail if it points between the
// intercepted instruction and the end of a rewritten window.
u64 resume_address(u64 pc);
// The pc the program would see for one inside a trampoline: behind the intercepted instruction.
u64 program_address(u64 pc);
// Where an interrupted call at `site` is made again: the start of the window that holds it.
u64 restart_address(u64 site);
// The same for an instruction whose first byte became an int3.
struct Breakpoint {
  u64 site, after_site;
  u32 kind, operand;  // as in sites::TrampolineDesc
  u8 original;
};
// Puts an int3 at the breakpoint's site. `original` is filled in.
bool place_breakpoint(Breakpoint breakpoint);
const Breakpoint* breakpoint_at(u64 site);
// Pages that may not be executed until somebody tries to.
void set_guard(u64 start, u64 bytes, u32 protection);
struct Guard {
  u64 start, bytes;
};
const Guard* guard_at(u64 address);
const Guard* any_guard();
// Whether the instruction at `site` is rewritten or stopped at already.
bool is_changed(u64 site);
// Memory that holds trampolines, and whether `pc` is in one.
void remember_trampolines(u64 start, u64 bytes);
bool in_trampolines(u64 pc);
// Takes breakpoints and guards out of this process's memory: nobody will answer them.
void remove_traps();
// Forget windows, breakpoints and guards of unmapped memory.
void forget_windows(u64 start, u64 bytes);

}  // namespace ckpt::agent
