#include "record/sites/candidates.h"

#include <optional>

#include "record/sites/decode.h"
#include "record/sites/site_index.h"

namespace ckpt::sites {

static Candidate judge(const Module& module, const FunctionCode& function, const RawSite& raw) {
  Candidate candidate{.vaddr = raw.vaddr, .kind = raw.kind, .standing = Standing::unknown, .instruction = 0};
  if (!function.whole()) return candidate;
  uint64_t start = function.beginning_of(raw.vaddr);
  // A branch that lands behind a prefix makes another instruction of the same bytes.
  if (function.target_in(start + 1, raw.vaddr + 1)) return candidate;
  ZydisDecodedInstruction instruction;
  if (!decode_one(module.code(start, function.range().end), instruction)) return candidate;
  bool opcode_here = start + instruction.raw.prefix_count == raw.vaddr;
  bool same = opcode_here && kind_of(instruction) == raw.kind;
  candidate.standing = same ? Standing::instruction : Standing::inside;
  candidate.instruction = start;
  return candidate;
}

Result<std::vector<Candidate>> scan_candidates(const Module& module) {
  if (!module.index().sites_complete())
    return Error{.code = Code::limit, .message = "more bytes than we keep read as intercepted instructions"};
  std::vector<Candidate> candidates;
  std::optional<FunctionCode> function;
  for (const RawSite& raw : module.index().sites()) {
    if (raw.kind == SiteKind::syscall) continue;
    auto range = module.function_at(raw.vaddr);
    if (!range) {
      candidates.push_back({.vaddr = raw.vaddr, .kind = raw.kind, .standing = Standing::unknown, .instruction = 0});
      continue;
    }
    if (!function || function->range().start != range->start) function = FunctionCode::decode(module, *range);
    candidates.push_back(judge(module, *function, raw));
  }
  return candidates;
}

}  // namespace ckpt::sites
