#include "record/sites/window.h"

#include <algorithm>

#include "record/sites/decode.h"
#include "record/sites/move.h"
#include "record/sites/site_index.h"

namespace ckpt::sites {

static constexpr uint8_t kJumpBytes = 5;
static constexpr uint64_t kWidestOperand = 64;           // bytes, of a zmm register
static constexpr uint64_t kShortReach = 130;             // rel8, and the two bytes of the branch
static constexpr uint64_t kMaxNeighbourBytes = 1 << 16;  // larger ones are not decoded to clear them

static constexpr std::array kRefusalNames = {
    "none",    "not_a_site",     "function_unknown", "unknown_instruction", "branch_into_window", "not_relocatable",
    "no_room", "too_many_sites",
};
static_assert(kRefusalNames.size() == static_cast<size_t>(Refusal::too_many_sites) + 1);

static constexpr std::array kKindNames = {"syscall", "rdtsc", "rdtscp", "rdrand", "rdseed", "xsave", "cpuid", "pause"};
static_assert(kKindNames.size() == static_cast<size_t>(SiteKind::pause) + 1);

const char* name_of(Refusal refusal) {
  return kRefusalNames[static_cast<size_t>(refusal)];
}

std::string describe(const Plan& plan) {
  std::string site = text(kKindNames[static_cast<size_t>(plan.kind)], " at ", std::hex, plan.site);
  if (plan.window) return text(site, ": window ", std::hex, plan.window->start, "..", plan.window->end());
  return text(site, ": ", name_of(plan.refusal), ", see ", std::hex, plan.culprit);
}

// ---- The search for one site, in a function that was decoded ----------------------------

// Whether a two-byte branch with this first byte counts from a rel8: jcc, loop, jrcxz, jmp.
static bool short_branch(uint8_t opcode) {
  return (opcode & 0xf0) == 0x70 || (opcode & 0xfc) == 0xe0 || opcode == 0xeb;
}

class Planner final {
 public:
  Planner(const Module& module, const FunctionCode& function) : module_(module), function_(function) {}

  Plan plan(uint64_t site);

 private:
  struct Reason {
    Refusal refusal = Refusal::none;
    uint64_t culprit = 0;
  };

  Reason fill(Window& window) const;
  Reason prove(const Window& window) const;
  bool may_belong_to_earlier(uint64_t at) const;
  bool extend_back(Window& window) const;
  std::optional<uint64_t> entered_in(uint64_t from, uint64_t to) const;
  std::optional<uint64_t> short_entry_in(uint64_t from, uint64_t to) const;
  bool cleared(uint64_t branch, uint64_t target) const;

  const Module& module_;
  const FunctionCode& function_;
};

// Whether decoding shows that the bytes at `branch`, outside the function, do not branch to `target`.
bool Planner::cleared(uint64_t branch, uint64_t target) const {
  auto range = module_.function_at(branch);
  if (!range || range->end - range->start > kMaxNeighbourBytes) return false;
  FunctionCode neighbour = FunctionCode::decode(module_, *range);
  return neighbour.whole() && !neighbour.target_in(target, target + 1);
}

// A short branch in front of or behind the function that may reach [from, to).
std::optional<uint64_t> Planner::short_entry_in(uint64_t from, uint64_t to) const {
  for (uint64_t at = from - std::min(from, kShortReach); at < to + kShortReach; at++) {
    if (at >= function_.range().start && at < function_.range().end) continue;
    auto bytes = module_.code(at, at + 2);
    if (bytes.empty() || !short_branch(bytes[0])) continue;
    uint64_t target = at + 2 + static_cast<uint64_t>(int64_t{static_cast<int8_t>(bytes[1])});
    if (target >= from && target < to && !cleared(at, target)) return target;
  }
  return std::nullopt;
}

std::optional<uint64_t> Planner::entered_in(uint64_t from, uint64_t to) const {
  if (auto target = function_.target_in(from, to)) return target;
  if (auto target = module_.index().entry_in(from, to)) return target;
  return short_entry_in(from, to);
}

// Extends `window`, which ends behind its site, over what follows until a jump fits.
Planner::Reason Planner::fill(Window& window) const {
  uint64_t function_end = function_.range().end;
  while (window.bytes < kJumpBytes) {
    uint64_t at = window.end();
    if (!window.after.empty() && !window.after.back().falls_through)
      return {Refusal::not_relocatable, window.start + window.after.back().offset};
    if (at >= function_end) return {Refusal::no_room, function_end};
    auto moved = movable(module_.code(at, function_end), at, Side::after);
    if (!moved) return {Refusal::not_relocatable, at};
    if (window.bytes + moved->length > int{kMaxWindowBytes}) return {Refusal::no_room, at};
    bool last = window.bytes + moved->length >= kJumpBytes;
    if (moved->relocation == Relocation::branch && !last) return {Refusal::not_relocatable, at};
    moved->offset = window.bytes;
    window.bytes += moved->length;
    window.after.push_back(*moved);
  }
  return {};
}

// Whether nothing reads the bytes of `window` and nothing enters it but at its start.
Planner::Reason Planner::prove(const Window& window) const {
  for (const auto* moved : {&window.before, &window.after})
    for (const MovedInstruction& each : *moved)
      if (each.relocation == Relocation::rip_relative && each.target + kWidestOperand > window.start &&
          each.target < window.end())
        return {Refusal::not_relocatable, window.start + each.offset};
  if (auto target = entered_in(window.start + 1, window.end())) return {Refusal::branch_into_window, *target};
  return {};
}

// Whether the window of an earlier site may cover `at`. A window ends at the first boundary
// that leaves it five bytes from its site on, or before.
bool Planner::may_belong_to_earlier(uint64_t at) const {
  for (uint64_t site = at - 1; site + kJumpBytes > at && site >= function_.range().start; site--) {
    ZydisDecodedInstruction instruction;
    bool is_site = function_.begins_at(site) && decode_one(module_.code(site, at), instruction) && kind_of(instruction);
    if (is_site) return true;
  }
  return false;
}

// Begins the window one instruction earlier. `window` has nothing behind its site yet.
bool Planner::extend_back(Window& window) const {
  if (window.start == function_.range().start) return false;
  uint64_t at = function_.beginning_of(window.start - 1);
  if (may_belong_to_earlier(at)) return false;
  auto moved = movable(module_.code(at, window.start), at, Side::before);
  if (!moved || window.bytes + moved->length > int{kMaxWindowBytes}) return false;
  for (MovedInstruction& other : window.before) other.offset += moved->length;
  window.before.insert(window.before.begin(), *moved);
  window.start = at;
  window.bytes += moved->length;
  return true;
}

Plan Planner::plan(uint64_t site) {
  Plan plan{.site = site, .kind = SiteKind::syscall, .window = {}, .refusal = Refusal::not_a_site, .culprit = site};
  ZydisDecodedInstruction instruction;
  if (!decode_one(module_.code(site, function_.range().end), instruction) || !kind_of(instruction)) return plan;
  plan.kind = *kind_of(instruction);
  Window window{.start = site,
                .site = site,
                .bytes = instruction.length,
                .site_bytes = instruction.length,
                .kind = plan.kind,
                .operand = operand_of(instruction),
                .original = {},
                .before = {},
                .after = {}};
  for (;;) {
    Window tried = window;
    Reason reason = fill(tried);
    if (reason.refusal == Refusal::none) reason = prove(tried);
    plan.refusal = reason.refusal;
    plan.culprit = reason.culprit;
    if (reason.refusal == Refusal::none) {
      std::ranges::copy(module_.code(tried.start, tried.end()), tried.original.begin());
      plan.window = std::move(tried);
      return plan;
    }
    if (window.bytes >= kJumpBytes || !extend_back(window)) return plan;
  }
}

// ---- Questions ---------------------------------------------------------------------------

static Plan refuse(uint64_t site, SiteKind kind, Refusal refusal, uint64_t culprit) {
  return Plan{.site = site, .kind = kind, .window = {}, .refusal = refusal, .culprit = culprit};
}

static SiteKind kind_near(const Module& module, uint64_t site) {
  const auto& sites = module.index().sites();
  auto at = std::ranges::lower_bound(sites, site, {}, &RawSite::vaddr);
  return at != sites.end() ? at->kind : SiteKind::syscall;
}

std::vector<Plan> plan_sites(const Module& module, std::span<const uint64_t> site_vaddrs) {
  std::vector<Plan> plans;
  std::optional<FunctionCode> function;
  bool complete = module.index().entries_complete();
  for (uint64_t site : site_vaddrs) {
    SiteKind kind = kind_near(module, site);
    auto range = module.function_at(site);
    if (!complete || !range) {
      plans.push_back(refuse(site, kind, complete ? Refusal::function_unknown : Refusal::too_many_sites, site));
      continue;
    }
    if (!function || function->range().start != range->start) function = FunctionCode::decode(module, *range);
    if (!function->whole())
      plans.push_back(refuse(site, kind, Refusal::unknown_instruction, function->stuck_at()));
    else if (!function->begins_at(site))
      plans.push_back(refuse(site, kind, Refusal::not_a_site, site));
    else
      plans.push_back(Planner(module, *function).plan(site));
  }
  return plans;
}

Plan plan_site(const Module& module, uint64_t site_vaddr) {
  return plan_sites(module, {&site_vaddr, 1}).front();
}

Result<Window> plan_window(const Module& module, uint64_t site_vaddr) {
  Plan plan = plan_site(module, site_vaddr);
  if (plan.window) return std::move(*plan.window);
  return Error{.code = Code::unsupported, .message = describe(plan), .where = plan.culprit};
}

Result<Instruction> instruction_at(const Module& module, uint64_t site_vaddr) {
  ZydisDecodedInstruction instruction;
  auto range = module.function_at(site_vaddr);
  if (!range || !decode_one(module.code(site_vaddr, range->end), instruction) || !kind_of(instruction))
    return Error{.code = Code::not_found,
                 .message = text("no intercepted instruction at ", std::hex, site_vaddr),
                 .where = site_vaddr};
  return Instruction{.kind = *kind_of(instruction), .operand = operand_of(instruction), .bytes = instruction.length};
}

std::vector<Plan> plan_all(const Module& module) {
  std::vector<Plan> plans;
  std::optional<FunctionCode> function;
  bool complete = module.index().entries_complete();
  for (const RawSite& raw : module.index().sites()) {
    auto range = module.function_at(raw.vaddr);
    if (!complete || !range) {
      plans.push_back(
          refuse(raw.vaddr, raw.kind, complete ? Refusal::function_unknown : Refusal::too_many_sites, raw.vaddr));
      continue;
    }
    if (!function || function->range().start != range->start) function = FunctionCode::decode(module, *range);
    if (!function->whole()) {
      plans.push_back(refuse(raw.vaddr, raw.kind, Refusal::unknown_instruction, function->stuck_at()));
      continue;
    }
    uint64_t site = function->beginning_of(raw.vaddr);
    if (auto hidden = function->target_in(site + 1, raw.vaddr + 1)) {  // entered behind a prefix: another instruction
      plans.push_back(refuse(raw.vaddr, raw.kind, Refusal::unknown_instruction, *hidden));
      continue;
    }
    Plan plan = Planner(module, *function).plan(site);
    bool fresh = plans.empty() || plans.back().site != plan.site;
    if (plan.refusal != Refusal::not_a_site && fresh) plans.push_back(std::move(plan));
  }
  return plans;
}

}  // namespace ckpt::sites
