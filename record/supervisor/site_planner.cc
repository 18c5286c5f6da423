#include "record/supervisor/site_planner.h"

#include <elf.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "ckpt/image.h"
#include "record/sites/candidates.h"
#include "record/sites/trampoline.h"
#include "record/sites/window.h"

namespace ckpt {

namespace {

constexpr uint64_t kAreaBytes = 64ull << 10, kReach = 0x7ff00000, kGuard = 64ull << 10, kSlotBytes = 16;

// What is added to the module's own addresses where `m` shows a part of its code. The linker need
// not begin a segment at a page's start; the mapping does.
std::optional<uint64_t> slide_of(const std::string& path, const Mapping& m) {
  std::ifstream file(path, std::ios::binary);
  Elf64_Ehdr head;
  if (!file.read(reinterpret_cast<char*>(&head), sizeof head) || std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0)
    return std::nullopt;
  for (unsigned i = 0; i < head.e_phnum && head.e_phentsize == sizeof(Elf64_Phdr); i++) {
    Elf64_Phdr segment;
    file.seekg(static_cast<std::streamoff>(head.e_phoff + i * sizeof segment));
    if (!file.read(reinterpret_cast<char*>(&segment), sizeof segment)) return std::nullopt;
    if (segment.p_type != PT_LOAD || !(segment.p_flags & PF_X)) continue;
    uint64_t first = segment.p_offset / kPageBytes * kPageBytes;
    if (m.offset >= first && m.offset < segment.p_offset + segment.p_filesz)
      return m.start - m.offset + segment.p_offset - segment.p_vaddr;
  }
  return std::nullopt;
}

bool reaches(uint64_t from, uint64_t to) {
  uint64_t distance = from > to ? from - to : to - from;
  return distance < kReach;
}

}  // namespace

struct SitePlanner::Loaded {
  std::string path;
  sites::Module module;
};

const Mapping* SitePlanner::mapping_at(uint64_t pc) {
  for (int attempt = 0; attempt < 2; attempt++) {
    for (const Mapping& m : mappings_)
      if (pc >= m.start && pc < m.end) return &m;
    if (auto fresh = read_mappings(source_.task())) mappings_ = *fresh;
  }
  return nullptr;
}

Result<SitePlanner::Loaded*> SitePlanner::module_of(const Mapping& m) {
  std::string& copy = copies_[{m.name, m.inode}];
  if (copy.empty()) {
    CKPT_TRY(copy, source_.copy_of(m));
  }
  auto& entry = modules_[copy];
  if (!entry) {
    CKPT_TRY(sites::Module module, sites::Module::open(copy));
    entry = std::make_shared<Loaded>(Loaded{copy, std::move(module)});
  }
  return entry.get();
}

// Room for trampolines within a jump of `address`: below the mapping it is in, where neither
// heap nor stack will grow.
Result<SitePlanner::Area*> SitePlanner::area_near(uint64_t address) {
  for (Area& area : areas_)
    if (reaches(area.start, address) && area.used + sites::kMaxTrampolineBytes <= area.bytes) return &area;
  CKPT_TRY(mappings_, read_mappings(source_.task()));
  for (size_t i = mappings_.size(); i-- > 0;) {
    if (mappings_[i].start > address) continue;
    uint64_t above = mappings_[i].start;
    uint64_t below = i == 0 ? 65536 : mappings_[i - 1].end;
    for (const Area& area : areas_)
      if (area.start < above && area.start + area.bytes > below) below = area.start + area.bytes;
    if (above < below + kAreaBytes + 2 * kGuard) continue;
    uint64_t start = above - kGuard - kAreaBytes;
    if (!reaches(start, address)) break;
    areas_.push_back(Area{start, kAreaBytes, kSlotBytes, false});
    return &areas_.back();
  }
  return Error{.code = Code::limit, .message = "no room for a trampoline within reach"};
}

// The window as it is to be written, with its trampoline.
Result<abi::SitePlan> SitePlanner::place(const sites::Window& window, uint64_t slide) {
  uint64_t start = window.start + slide;
  CKPT_TRY(Area * area, area_near(start));
  uint64_t at = area->start + area->used;
  CKPT_TRY(sites::Trampoline trampoline, sites::build_trampoline(window, start, at, area->start));
  abi::SitePlan plan{};
  plan.step = abi::PatchStep::rewrite;
  plan.kind = static_cast<uint32_t>(window.kind);
  plan.operand = window.operand;
  plan.site = window.site + slide;
  plan.after_site = plan.site + window.site_bytes;
  if (trampoline.code.size() > sizeof plan.code || trampoline.patch.size() > sizeof plan.window)
    return Error{.code = Code::limit, .message = "the trampoline is too long"};
  plan.window_start = start;
  plan.window_bytes = static_cast<uint32_t>(trampoline.patch.size());
  plan.trampoline = at;
  plan.trampoline_bytes = static_cast<uint32_t>(trampoline.code.size());
  plan.tail = at + trampoline.tail_offset;
  std::memcpy(plan.original, window.original.data(), window.bytes);
  std::memcpy(plan.window, trampoline.patch.data(), trampoline.patch.size());
  std::memcpy(plan.code, trampoline.code.data(), trampoline.code.size());
  if (!area->mapped) {
    plan.map_address = area->start;
    plan.map_bytes = area->bytes;
    plan.entry_slot = area->start;
    area->mapped = true;
  }
  area->used += (trampoline.code.size() + 15) / 16 * 16;
  return plan;
}

Result<abi::SitePlan> SitePlanner::make_plan(uint64_t pc, const Mapping& m) {
  if (!m.is_file() || m.shared || !(m.prot & PROT_EXEC))
    return Error{.code = Code::unsupported, .message = "code that is in no file"};
  if (m.prot & PROT_WRITE) return Error{.code = Code::unsupported, .message = "code that may be written"};
  CKPT_TRY(Loaded * loaded, module_of(m));
  auto slide = slide_of(loaded->path, m);
  if (!slide) return Error{.code = Code::unsupported, .message = "not an ELF segment"};
  CKPT_TRY(sites::Window window, sites::plan_window(loaded->module, pc - *slide));
  return place(window, *slide);
}

Result<abi::SitePlan> SitePlanner::plan(uint64_t pc) {
  const Mapping* m = mapping_at(pc);
  if (!m) return Error{.code = Code::not_found, .message = "no mapping"};
  Mapping mapping = *m;
  Result<abi::SitePlan> made = make_plan(pc, mapping);
  if (made) {
    patched_++;
    return made;
  }
  Slow slow{text(mapping.name.empty() ? "anonymous memory" : mapping.name, "+0x", std::hex,
                 pc - mapping.start + mapping.offset),
            made.error().message};
  bool known = std::any_of(slow_.begin(), slow_.end(), [&](const Slow& other) { return other.where == slow.where; });
  if (!known && slow_.size() < 1000) slow_.push_back(std::move(slow));
  return made;
}

// ---- Code that appears ---------------------------------------------------------------------

// An int3 for an instruction that no jump fits over.
static Result<abi::SitePlan> plan_breakpoint(const sites::Module& module, uint64_t vaddr, uint64_t slide) {
  CKPT_TRY(sites::Instruction instruction, sites::instruction_at(module, vaddr));
  abi::SitePlan plan{};
  plan.step = abi::PatchStep::breakpoint;
  plan.kind = static_cast<uint32_t>(instruction.kind);
  plan.operand = instruction.operand;
  plan.site = vaddr + slide;
  plan.after_site = plan.site + instruction.bytes;
  plan.window_start = plan.site;
  plan.window_bytes = instruction.bytes;
  std::ranges::copy(module.code(vaddr, vaddr + instruction.bytes), plan.original);
  return plan;
}

bool SitePlanner::ours(const Mapping& m) const {
  bool zone = m.start >= abi::kZoneCandidates[0] && m.start < abi::kZoneCandidates[0] + abi::kZoneBytes;
  bool trampolines = std::any_of(areas_.begin(), areas_.end(), [&](const Area& area) {
    return m.start >= area.start && m.start < area.start + area.bytes;
  });
  bool left_out = std::any_of(left_out_.begin(), left_out_.end(),
                              [&](const auto& range) { return m.start >= range.first && m.start < range.second; });
  return zone || trampolines || left_out || m.name == "[vsyscall]";
}

// Bytes that may be an instruction, where no function is known: constants, mostly. Their page
// may be read but not executed, unless it holds a function, too.
void SitePlanner::guard(const Mapping& m, const sites::Module& module, uint64_t slide, uint64_t vaddr) {
  constexpr uint64_t kLongest = 15;
  uint64_t first = (vaddr + slide) / kPageBytes * kPageBytes,
           end = ((vaddr + slide + kLongest) / kPageBytes + 1) * kPageBytes;
  bool holds_code =
      std::any_of(module.functions().begin(), module.functions().end(),
                  [&](const sites::FunctionRange& f) { return f.start + slide < end && f.end + slide > first; });
  if (holds_code || first < m.start || end > m.end) {
    unknown_.push_back({text(m.name, "+0x", std::hex, vaddr + slide - m.start + m.offset),
                        "bytes that may be rdtsc or rdrand, in no function that can be decoded"});
    return;
  }
  bool known = std::any_of(changes_.begin(), changes_.end(), [&](const abi::SitePlan& p) {
    return p.step == abi::PatchStep::guard && p.window_start == first && p.window_bytes == end - first;
  });
  if (known) return;
  abi::SitePlan plan{};
  plan.step = abi::PatchStep::guard;
  plan.window_start = first;
  plan.window_bytes = static_cast<uint32_t>(end - first);
  plan.protection = PROT_READ;
  changes_.push_back(plan);
}

void SitePlanner::inspect_mapping(const Mapping& m) {
  if (!m.is_file() || m.shared || (m.prot & PROT_WRITE)) {
    unknown_.push_back({m.name.empty() ? "anonymous memory" : m.name,
                        m.is_file() ? "code that may change" : "code that is in no file"});
    return;
  }
  Result<Loaded*> loaded = module_of(m);
  auto slide_found = loaded ? slide_of((*loaded)->path, m) : std::nullopt;
  if (loaded && !slide_found) loaded = Error{.code = Code::unsupported, .message = "not an ELF segment"};
  Result<std::vector<sites::Candidate>> found =
      loaded ? sites::scan_candidates((*loaded)->module) : Result<std::vector<sites::Candidate>>(loaded.error());
  if (!found) {
    unknown_.push_back({m.name, found.error().message});
    return;
  }
  const sites::Module& module = (*loaded)->module;
  uint64_t slide = *slide_found;
  std::vector<uint64_t> wanted;
  for (const sites::Candidate& candidate : *found) {
    uint64_t at = candidate.vaddr + slide;
    if (at < m.start || at >= m.end || candidate.standing == sites::Standing::inside) continue;
    // xsave and cpuid hide only what rarely matters, pause nothing: no reason to let time stamps trap.
    bool rare = candidate.kind == sites::SiteKind::xsave || candidate.kind == sites::SiteKind::cpuid ||
                candidate.kind == sites::SiteKind::pause;
    if (candidate.standing == sites::Standing::instruction)
      wanted.push_back(candidate.instruction);
    else if (!rare)
      guard(m, module, slide, candidate.vaddr);
  }
  for (const sites::Plan& plan : sites::plan_sites(module, wanted)) {
    Result<abi::SitePlan> change =
        plan.window ? place(*plan.window, slide) : Error{.code = Code::unsupported, .message = sites::describe(plan)};
    if (!change) change = plan_breakpoint(module, plan.site, slide);
    if (change)
      changes_.push_back(*change);
    else
      unknown_.push_back({text(m.name, "+0x", std::hex, plan.site), change.error().message});
  }
}

void SitePlanner::inspect_code(uint64_t address, uint64_t bytes) {
  forget_mappings();
  auto fresh = read_mappings(source_.task());
  if (!fresh || fresh->empty()) {
    unknown_.push_back({"the program", fresh ? "its mappings cannot be seen" : fresh.error().message});
    return;
  }
  for (const Mapping& m : *fresh) {
    bool inside = bytes == 0 || (m.start < address + bytes && m.end > address);
    if (inside && (m.prot & PROT_EXEC) && !ours(m)) inspect_mapping(m);
  }
  mappings_ = std::move(*fresh);
}

std::vector<abi::SitePlan> SitePlanner::take_changes(size_t most) {
  auto end = changes_.begin() + static_cast<ptrdiff_t>(std::min(most, changes_.size()));
  std::vector<abi::SitePlan> taken(changes_.begin(), end);
  changes_.erase(changes_.begin(), end);
  patched_ += taken.size();
  return taken;
}

}  // namespace ckpt
