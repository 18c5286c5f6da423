// Every place in a module that could be an instruction whose result no trap shows us.
//
// A program may ask rdtsc off, but nothing makes rdrand and rdseed trap. So the recorder
// must know where they are before they run, or know that there are none. Bytes that read
// as one are common by chance (one in 40 to 200 KiB of code), so each is held against the
// decoding of its function.
//
// Threads: any number at once.
// Errors:  limit if the module has more places than are kept (131072).
// Costs:   10 ms for the 9 MiB of mariadbd, 1 ms for libc.
#pragma once

#include <cstdint>
#include <vector>

#include "record/sites/desc.h"
#include "record/sites/module.h"
#include "trace/base/result.h"

namespace ckpt::sites {

enum class Standing : uint8_t {
  instruction,  // its function has this instruction here
  inside,       // its function has other instructions over these bytes
  unknown,      // no function, or one that cannot be decoded from end to end
};

struct Candidate {
  uint64_t vaddr;  // of the opcode's first byte, 0F
  SiteKind kind;   // as the bytes read
  Standing standing;
  uint64_t instruction;  // where the instruction over it begins, prefixes included; 0 if unknown
};

// rdtsc, rdtscp, the register forms of rdrand and rdseed, xsave, cpuid and pause, at any byte offset of the
// executable segments, in address order. Syscalls are left out: they do trap.
Result<std::vector<Candidate>> scan_candidates(const Module& module);

}  // namespace ckpt::sites
