#include "record/sites/move.h"

#include <algorithm>
#include <array>

#include "record/sites/decode.h"

namespace ckpt::sites {

// Classes that leave the straight line, enter the kernel, or are about the GS base, which
// is the agent's. Branches and returns are looked at one by one.
static constexpr std::array kStay = {
    ZYDIS_CATEGORY_CALL,   ZYDIS_CATEGORY_INTERRUPT, ZYDIS_CATEGORY_SYSCALL,    ZYDIS_CATEGORY_SYSRET,
    ZYDIS_CATEGORY_SYSTEM, ZYDIS_CATEGORY_IO,        ZYDIS_CATEGORY_IOSTRINGOP, ZYDIS_CATEGORY_RDWRFSGS,
    ZYDIS_CATEGORY_SEGOP,  ZYDIS_CATEGORY_UINTR,     ZYDIS_CATEGORY_VTX,        ZYDIS_CATEGORY_SGX,
    ZYDIS_CATEGORY_RDRAND, ZYDIS_CATEGORY_RDSEED,    ZYDIS_CATEGORY_PT,         ZYDIS_CATEGORY_CET,
};

// What compilers put between the arguments and the syscall. All of it may be executed again
// if the program is sent back to the start of its window.
static constexpr std::array kPlain = {
    ZYDIS_MNEMONIC_MOV, ZYDIS_MNEMONIC_MOVZX, ZYDIS_MNEMONIC_MOVSX, ZYDIS_MNEMONIC_MOVSXD,
    ZYDIS_MNEMONIC_LEA, ZYDIS_MNEMONIC_NOP,   ZYDIS_MNEMONIC_CMP,   ZYDIS_MNEMONIC_TEST,
};

static constexpr std::array kTrap = {ZYDIS_MNEMONIC_UD0, ZYDIS_MNEMONIC_UD1, ZYDIS_MNEMONIC_UD2};

static constexpr std::array kTransfers = {ZYDIS_CATEGORY_UNCOND_BR, ZYDIS_CATEGORY_COND_BR, ZYDIS_CATEGORY_RET};

static constexpr uint8_t kRetNear = 0xc3, kRetNearPop = 0xc2;

template <class Array, class Value>
static bool among(const Array& values, Value value) {
  return std::ranges::find(values, value) != values.end();
}

struct Decoded {
  ZydisDecodedInstruction instruction;
  std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> operands;
};

static bool decode_full(std::span<const uint8_t> bytes, Decoded& out) {
  ZydisDecoder decoder;
  ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  return ZYAN_SUCCESS(
      ZydisDecoderDecodeFull(&decoder, bytes.data(), bytes.size(), &out.instruction, out.operands.data()));
}

static bool touches_segment_register(const Decoded& decoded) {
  for (uint8_t i = 0; i < decoded.instruction.operand_count_visible; i++) {
    const ZydisDecodedOperand& operand = decoded.operands[i];
    if (operand.type == ZYDIS_OPERAND_TYPE_REGISTER &&
        ZydisRegisterGetClass(operand.reg.value) == ZYDIS_REGCLASS_SEGMENT)
      return true;
    if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY && operand.mem.segment == ZYDIS_REGISTER_GS) return true;
  }
  return false;
}

// xor %eax,%eax and its like: the result does not depend on what was there.
static bool clears_register(const Decoded& decoded) {
  const ZydisDecodedOperand& first = decoded.operands[0];
  const ZydisDecodedOperand& second = decoded.operands[1];
  bool clears =
      decoded.instruction.mnemonic == ZYDIS_MNEMONIC_XOR || decoded.instruction.mnemonic == ZYDIS_MNEMONIC_SUB;
  return clears && first.type == ZYDIS_OPERAND_TYPE_REGISTER && second.type == ZYDIS_OPERAND_TYPE_REGISTER &&
         first.reg.value == second.reg.value;
}

static bool writes_stack_pointer(const Decoded& decoded) {
  return std::ranges::any_of(
      std::span(decoded.operands).first(decoded.instruction.operand_count), [](const ZydisDecodedOperand& operand) {
        bool written = operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
        return written && operand.type == ZYDIS_OPERAND_TYPE_REGISTER &&
               ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, operand.reg.value) == ZYDIS_REGISTER_RSP;
      });
}

// A branch or return. `moved` is filled in but for what is particular to those.
static std::optional<MovedInstruction> move_transfer(const ZydisDecodedInstruction& instruction, uint64_t vaddr,
                                                     MovedInstruction moved) {
  // With an operand size prefix a branch has a rel16 on one maker's processors only.
  if (instruction.attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE) return std::nullopt;
  moved.falls_through = instruction.meta.category == ZYDIS_CATEGORY_COND_BR;
  auto target = branch_target(instruction, vaddr);
  moved.target = target.value_or(0);
  if (instruction.mnemonic == ZYDIS_MNEMONIC_JMP && target) {
    moved.relocation = Relocation::jump;
    return moved;
  }
  bool short_form = instruction.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && (instruction.opcode & 0xf0) == 0x70;
  bool near_form = instruction.opcode_map == ZYDIS_OPCODE_MAP_0F && (instruction.opcode & 0xf0) == 0x80;
  if (target && (short_form || near_form)) {
    moved.relocation = Relocation::branch;
    moved.field = instruction.opcode & 0x0f;
    return moved;
  }
  bool returns = instruction.mnemonic == ZYDIS_MNEMONIC_RET &&
                 (instruction.opcode == kRetNear || instruction.opcode == kRetNearPop);
  return returns ? std::optional(moved) : std::nullopt;
}

static bool may_leave(const Decoded& decoded, Side side) {
  const ZydisDecodedInstruction& instruction = decoded.instruction;
  bool stays = among(kStay, instruction.meta.category) || among(kTrap, instruction.mnemonic) || kind_of(instruction) ||
               touches_segment_register(decoded);
  if (stays || side == Side::after) return !stays;
  bool plain = among(kPlain, instruction.mnemonic) || clears_register(decoded);
  return plain && !(instruction.attributes & ZYDIS_ATTRIB_HAS_LOCK) && !writes_stack_pointer(decoded);
}

std::optional<MovedInstruction> movable(std::span<const uint8_t> bytes, uint64_t vaddr, Side side) {
  Decoded decoded;
  if (!decode_full(bytes, decoded) || !may_leave(decoded, side)) return std::nullopt;
  const ZydisDecodedInstruction& instruction = decoded.instruction;
  MovedInstruction moved{.offset = 0,
                         .length = instruction.length,
                         .relocation = Relocation::copy,
                         .field = 0,
                         .falls_through = true,
                         .target = 0};
  if (among(kTransfers, instruction.meta.category)) return move_transfer(instruction, vaddr, moved);
  if (auto target = operand_target(instruction, vaddr)) {
    if (instruction.address_width != 64) return std::nullopt;
    moved.relocation = Relocation::rip_relative;
    moved.field = instruction.raw.disp.offset;
    moved.target = *target;
    return moved;
  }
  if (instruction.attributes & ZYDIS_ATTRIB_IS_RELATIVE) return std::nullopt;
  return moved;
}

}  // namespace ckpt::sites
