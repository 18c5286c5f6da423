// Deciding whether an intercepted instruction can become a jump, and over which bytes.
//
// A syscall has 2 bytes, a jmp rel32 has 5. So the jump takes whole instructions next to
// the site with it, and the trampoline executes them in its place. glibc 2.36:
//
//   after   0f 05              syscall              the window: 8 bytes, `cmp` moves behind
//           48 3d 00 f0 ff ff  cmp $-4096,%rax      430 of 526 sites
//
//   before  b8 27 00 00 00     mov $39,%eax         the window: 7 bytes, `mov` moves before
//           0f 05              syscall
//           c3                 ret                  stays where it is
//
// Following instructions are preferred, so that a window begins at its site and a branch to
// the site still works. A window is right only if nothing ever enters it but at its start.
// That is proven for direct branches: the function is decoded from its first byte to its
// last; short branches that reach the window from its neighbours are looked for byte by
// byte; near branches and address calculations are looked for at every byte offset of the
// module's code; symbols and relocated pointers are looked up. What cannot be proven is
// refused. Targets in jump tables of relative offsets cannot be seen.
//
// The windows of a module never meet, in whatever order they are rewritten.
//
// Owns:    a Window is a value and needs its Module no more.
// Threads: any number at once.
// Costs:   the first question about a module 1 to 2 ms per MiB of code, later ones the
//          decoding of one function: 15 us in libc, 0.3 ms for the largest.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "record/sites/desc.h"
#include "record/sites/module.h"
#include "trace/base/result.h"

namespace ckpt::sites {

// How an instruction is made to mean the same elsewhere.
enum class Relocation : uint8_t {
  copy,          // its bytes do not depend on its place
  rip_relative,  // the disp32 at byte `field` counts from its end
  jump,          // a relative jmp; becomes jmp rel32
  branch,        // a relative jcc with condition `field`; becomes jcc rel32
};

struct MovedInstruction {
  uint8_t offset;  // in the window
  uint8_t length;
  Relocation relocation;
  uint8_t field;
  bool falls_through;  // false: a ret or jmp, always the last
  uint64_t target;     // what rip_relative, jump and branch point to
};

struct Window {
  uint64_t start;  // where the jump goes; addresses are the module's own
  uint64_t site;   // the intercepted instruction, prefixes included
  uint8_t bytes;   // 5..kMaxWindowBytes; all of them are replaced
  uint8_t site_bytes;
  SiteKind kind;
  uint32_t operand;  // as in TrampolineDesc
  std::array<uint8_t, kMaxWindowBytes> original;
  std::vector<MovedInstruction> before;  // executed before the agent is entered
  std::vector<MovedInstruction> after;   // executed when it returns

  uint64_t end() const { return start + bytes; }
};

enum class Refusal : uint8_t {
  none,
  not_a_site,           // no instruction we intercept begins there
  function_unknown,     // no unwind entry and no sized symbol covers it
  unknown_instruction,  // its function could not be decoded from end to end
  branch_into_window,   // something may enter between the start and the end
  not_relocatable,      // a neighbour cannot be moved
  no_room,              // the function ends, or the window would pass kMaxWindowBytes
  too_many_sites,       // the module has more than is kept
};

// The answer for one site: a window, or why there is none.
struct Plan {
  uint64_t site;
  SiteKind kind;
  std::optional<Window> window;
  Refusal refusal = Refusal::none;
  uint64_t culprit = 0;  // the address that explains the refusal: a target, an instruction
};

// "branch_into_window", and with the addresses, for people.
const char* name_of(Refusal refusal);
std::string describe(const Plan& plan);

// The plan for the intercepted instruction that begins at `site_vaddr`.
Plan plan_site(const Module& module, uint64_t site_vaddr);
// One for each; ascending addresses are cheapest, their functions are decoded once.
std::vector<Plan> plan_sites(const Module& module, std::span<const uint64_t> site_vaddrs);

// The same; a refusal is `unsupported`, with describe() as its message and the culprit in
// Error::where.
Result<Window> plan_window(const Module& module, uint64_t site_vaddr);

// What the intercepted instruction at `site_vaddr` is, whether or not a window fits.
struct Instruction {
  SiteKind kind;
  uint32_t operand;  // as in TrampolineDesc
  uint8_t bytes;
};
Result<Instruction> instruction_at(const Module& module, uint64_t site_vaddr);

// One plan for every intercepted instruction of the module, in address order. Bytes that
// read as one where nothing proves whether they are code have a plan too, refused with
// function_unknown or unknown_instruction. Costs 7 ms for libc and 25 ms for the 9 MiB of
// mariadbd, of which 10 ms are the decoding of functions that hold a site.
std::vector<Plan> plan_all(const Module& module);

}  // namespace ckpt::sites
