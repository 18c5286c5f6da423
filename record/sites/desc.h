// What a trampoline tells the agent about the site it was entered from.
//
// Shared with the agent, which is freestanding: fixed widths, nothing but <stdint.h>.
// A description lies behind the code of its trampoline, 8-aligned, and never changes
// once it is written. All addresses are addresses in the tracee.
#pragma once

#include <stdint.h>

namespace ckpt::sites {

// xsave: XSAVE, XSAVEC and XSAVEOPT. What they write depends on which state the CPU takes to be
// in use, which no register shows and a context switch may change. cpuid: tells on which processor
// a thread runs just now. pause: a spin waits for another thread, which cannot run meanwhile.
enum class SiteKind : uint32_t {
  syscall = 0,
  rdtsc = 1,
  rdtscp = 2,
  rdrand = 3,
  rdseed = 4,
  xsave = 5,
  cpuid = 6,
  pause = 7
};

// TrampolineDesc::operand of an xsave: base register | form << 8 | displacement << 16, signed.
enum class XsaveForm : uint32_t { xsave = 0, xsavec = 1, xsaveopt = 2 };

// A trampoline saves the program's rcx at this offset from the GS base, then enters the
// agent with the address of its TrampolineDesc in rcx. Nothing else is touched.
inline constexpr uint32_t kScratchRcxOffset = 0x10;

// The longest piece of code a site is rewritten over.
inline constexpr uint32_t kMaxWindowBytes = 16;

struct TrampolineDesc {
  uint64_t tail;                      // where the agent resumes the program
  uint64_t site;                      // the intercepted instruction
  uint64_t after_site;                // site + its length: what a syscall leaves in rcx
  uint32_t kind;                      // SiteKind
  uint32_t operand;                   // rdrand, rdseed: register 0..15 | operand bytes << 8; xsave: above; else 0
  uint64_t window_start;              // where the jump to this trampoline was written
  uint32_t window_bytes;              // how many bytes the patch covers
  uint32_t patched_original_len;      // how many of `original` count
  uint8_t original[kMaxWindowBytes];  // what the window held before
};
static_assert(sizeof(TrampolineDesc) == 64);

}  // namespace ckpt::sites
