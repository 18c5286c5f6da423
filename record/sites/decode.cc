#include "record/sites/decode.h"

#include <algorithm>

namespace ckpt::sites {

static constexpr uint64_t kMaxFunctionBytes = 16 << 20;

static ZydisDecoder make_decoder() {
  ZydisDecoder decoder;
  ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  return decoder;
}

bool decode_one(std::span<const uint8_t> bytes, ZydisDecodedInstruction& instruction) {
  static const ZydisDecoder decoder = make_decoder();
  return ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, nullptr, bytes.data(), bytes.size(), &instruction));
}

std::optional<uint64_t> branch_target(const ZydisDecodedInstruction& instruction, uint64_t vaddr) {
  if (!instruction.raw.imm[0].is_relative) return std::nullopt;
  return vaddr + instruction.length + static_cast<uint64_t>(instruction.raw.imm[0].value.s);
}

std::optional<uint64_t> operand_target(const ZydisDecodedInstruction& instruction, uint64_t vaddr) {
  bool relative = (instruction.attributes & ZYDIS_ATTRIB_HAS_MODRM) && instruction.raw.modrm.mod == 0 &&
                  instruction.raw.modrm.rm == 5 && instruction.raw.disp.size == 32;
  if (!relative) return std::nullopt;
  return vaddr + instruction.length + static_cast<uint64_t>(instruction.raw.disp.value);
}

// Whether the operand is [base + displacement] with a displacement of 16 bits, in no segment but
// the ordinary one, and the area of the wide form: what the agent can be told of.
static bool simple_memory(const ZydisDecodedInstruction& instruction) {
  const auto& raw = instruction.raw;
  if (raw.modrm.mod == 3 || (raw.modrm.mod == 0 && (raw.modrm.rm & 7) == 5)) return false;
  if (raw.modrm.rm == 4 && (raw.sib.index != 4 || raw.rex.X || (raw.sib.base == 5 && raw.modrm.mod == 0))) return false;
  bool prefixed = raw.prefix_count > (raw.rex.W || raw.rex.B || raw.rex.R ? 1 : 0);
  return !prefixed && raw.disp.value >= INT16_MIN && raw.disp.value <= INT16_MAX;
}

std::optional<SiteKind> kind_of(const ZydisDecodedInstruction& instruction) {
  switch (instruction.mnemonic) {
    case ZYDIS_MNEMONIC_SYSCALL:
      return SiteKind::syscall;
    case ZYDIS_MNEMONIC_RDTSC:
      return SiteKind::rdtsc;
    case ZYDIS_MNEMONIC_RDTSCP:
      return SiteKind::rdtscp;
    case ZYDIS_MNEMONIC_RDRAND:
      return SiteKind::rdrand;
    case ZYDIS_MNEMONIC_RDSEED:
      return SiteKind::rdseed;
    case ZYDIS_MNEMONIC_PAUSE:
      return SiteKind::pause;
    case ZYDIS_MNEMONIC_CPUID:
      return SiteKind::cpuid;
    case ZYDIS_MNEMONIC_XSAVE:
    case ZYDIS_MNEMONIC_XSAVE64:
    case ZYDIS_MNEMONIC_XSAVEC:
    case ZYDIS_MNEMONIC_XSAVEC64:
    case ZYDIS_MNEMONIC_XSAVEOPT:
    case ZYDIS_MNEMONIC_XSAVEOPT64:
      if (!simple_memory(instruction)) return std::nullopt;
      return SiteKind::xsave;
    default:
      return std::nullopt;
  }
}

static XsaveForm form_of(ZydisMnemonic mnemonic) {
  switch (mnemonic) {
    case ZYDIS_MNEMONIC_XSAVEC:
    case ZYDIS_MNEMONIC_XSAVEC64:
      return XsaveForm::xsavec;
    case ZYDIS_MNEMONIC_XSAVEOPT:
    case ZYDIS_MNEMONIC_XSAVEOPT64:
      return XsaveForm::xsaveopt;
    default:
      return XsaveForm::xsave;
  }
}

uint32_t operand_of(const ZydisDecodedInstruction& instruction) {
  uint32_t base = instruction.raw.modrm.rm | instruction.raw.rex.B << 3;
  switch (*kind_of(instruction)) {
    case SiteKind::rdrand:
    case SiteKind::rdseed:
      return base | uint32_t{instruction.operand_width} / 8 << 8;
    case SiteKind::xsave: {
      if (instruction.raw.modrm.rm == 4) base = instruction.raw.sib.base | instruction.raw.rex.B << 3;
      auto displacement = static_cast<uint16_t>(instruction.raw.disp.value);
      return base | static_cast<uint32_t>(form_of(instruction.mnemonic)) << 8 | uint32_t{displacement} << 16;
    }
    default:
      return 0;
  }
}

FunctionCode FunctionCode::decode(const Module& module, FunctionRange range) {
  FunctionCode code(range);
  std::span<const uint8_t> bytes = module.code(range.start, range.end);
  code.stuck_at_ = range.start;
  if (bytes.empty() || bytes.size() > kMaxFunctionBytes) return code;
  code.decode_all(bytes);
  std::ranges::sort(code.targets_);
  if (code.whole_) code.check_targets(bytes);
  return code;
}

void FunctionCode::note_target(const ZydisDecodedInstruction& instruction, uint64_t vaddr) {
  if (auto target = branch_target(instruction, vaddr)) targets_.push_back(*target);
  if (instruction.mnemonic != ZYDIS_MNEMONIC_LEA) return;
  if (auto target = operand_target(instruction, vaddr)) targets_.push_back(*target);
}

void FunctionCode::decode_all(std::span<const uint8_t> bytes) {
  beginnings_.resize(bytes.size() / 64 + 1);
  ZydisDecodedInstruction instruction;
  for (uint64_t at = 0; at < bytes.size(); at += instruction.length) {
    stuck_at_ = range_.start + at;
    if (!decode_one(bytes.subspan(at), instruction)) return;
    beginnings_[at / 64] |= uint64_t{1} << (at % 64);
    note_target(instruction, stuck_at_);
  }
  whole_ = true;
}

void FunctionCode::check_targets(std::span<const uint8_t> bytes) {
  for (uint64_t target : targets_) {
    if (target < range_.start || target >= range_.end || begins_at(target)) continue;
    ZydisDecodedInstruction instruction;
    uint64_t at = target - range_.start;
    bool meets = decode_one(bytes.subspan(at), instruction) && !branch_target(instruction, target) &&
                 (at + instruction.length == bytes.size() || begins_at(target + instruction.length));
    if (meets) continue;
    whole_ = false;
    stuck_at_ = target;
    return;
  }
}

bool FunctionCode::begins_at(uint64_t vaddr) const {
  if (vaddr < range_.start || vaddr >= range_.end || beginnings_.empty()) return false;
  uint64_t at = vaddr - range_.start;
  return beginnings_[at / 64] >> (at % 64) & 1;
}

uint64_t FunctionCode::beginning_of(uint64_t vaddr) const {
  while (vaddr > range_.start && !begins_at(vaddr)) vaddr--;
  return vaddr;
}

std::optional<uint64_t> FunctionCode::target_in(uint64_t from, uint64_t to) const {
  auto at = std::ranges::lower_bound(targets_, from);
  return at != targets_.end() && *at < to ? std::optional(*at) : std::nullopt;
}

}  // namespace ckpt::sites
