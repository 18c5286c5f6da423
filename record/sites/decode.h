// A function decoded from its first byte to its last. Private to record_sites.
//
// Decoding from the start of a function is the only way to know where its instructions
// begin. The decoding counts only if it is whole: every byte belongs to an instruction the
// decoder knows, the last one ends where the function ends, and each branch within the
// function lands on an instruction, or behind its prefix (glibc jumps over `lock`).
//
// Costs 200 ns an instruction and one bit a byte.
#pragma once

#include <Zydis/Zydis.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "record/sites/desc.h"
#include "record/sites/module.h"

namespace ckpt::sites {

// False if the bytes do not begin with an instruction that fits into them.
bool decode_one(std::span<const uint8_t> bytes, ZydisDecodedInstruction& instruction);

// Where a relative branch, or a rip-relative operand, of an instruction at `vaddr` points.
std::optional<uint64_t> branch_target(const ZydisDecodedInstruction& instruction, uint64_t vaddr);
std::optional<uint64_t> operand_target(const ZydisDecodedInstruction& instruction, uint64_t vaddr);

// Which of the intercepted instructions this is.
std::optional<SiteKind> kind_of(const ZydisDecodedInstruction& instruction);
// TrampolineDesc::operand of one.
uint32_t operand_of(const ZydisDecodedInstruction& instruction);

class FunctionCode final {
 public:
  // Functions above 16 MiB are not decoded.
  static FunctionCode decode(const Module& module, FunctionRange range);

  FunctionRange range() const { return range_; }

  // False: what follows proves nothing. `stuck_at` is the instruction that broke it.
  bool whole() const { return whole_; }
  uint64_t stuck_at() const { return stuck_at_; }

  // Whether an instruction begins at `vaddr`.
  bool begins_at(uint64_t vaddr) const;

  // The beginning of the instruction that holds `vaddr`, a byte of the function.
  uint64_t beginning_of(uint64_t vaddr) const;

  // The first address in [from, to) that a branch or address calculation of this
  // function reaches.
  std::optional<uint64_t> target_in(uint64_t from, uint64_t to) const;

 private:
  explicit FunctionCode(FunctionRange range) : range_(range) {}
  void decode_all(std::span<const uint8_t> bytes);
  void check_targets(std::span<const uint8_t> bytes);
  void note_target(const ZydisDecodedInstruction& instruction, uint64_t vaddr);

  FunctionRange range_;
  bool whole_ = false;
  uint64_t stuck_at_ = 0;
  std::vector<uint64_t> beginnings_;  // bit n: an instruction begins at start + n
  std::vector<uint64_t> targets_;     // sorted
};

}  // namespace ckpt::sites
