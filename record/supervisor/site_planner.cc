#include "record/supervisor/site_planner.h"

#include <elf.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "record/sites/trampoline.h"
#include "record/sites/window.h"

namespace ckpt {

namespace {

constexpr uint64_t kAreaBytes = 64ull << 10, kReach = 0x7ff00000, kGuard = 64ull << 10, kSlotBytes = 16;

// Where a file offset is in the module's own addresses.
std::optional<uint64_t> vaddr_of(const std::string& path, uint64_t offset) {
  std::ifstream file(path, std::ios::binary);
  Elf64_Ehdr head;
  if (!file.read(reinterpret_cast<char*>(&head), sizeof head) || std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0) return std::nullopt;
  for (unsigned i = 0; i < head.e_phnum && head.e_phentsize == sizeof(Elf64_Phdr); i++) {
    Elf64_Phdr segment;
    file.seekg(static_cast<std::streamoff>(head.e_phoff + i * sizeof segment));
    if (!file.read(reinterpret_cast<char*>(&segment), sizeof segment)) return std::nullopt;
    if (segment.p_type == PT_LOAD && offset - segment.p_offset < segment.p_filesz) return offset - segment.p_offset + segment.p_vaddr;
  }
  return std::nullopt;
}

bool reaches(uint64_t from, uint64_t to) {
  uint64_t distance = from > to ? from - to : to - from;
  return distance < kReach;
}

}  // namespace

struct SitePlanner::Loaded {
  sites::Module module;
};

const Mapping* SitePlanner::mapping_at(uint64_t pc) {
  for (int attempt = 0; attempt < 2; attempt++) {
    for (const Mapping& m : mappings_)
      if (pc >= m.start && pc < m.end) return &m;
    if (auto fresh = read_mappings(pid_)) mappings_ = *fresh;
  }
  return nullptr;
}

Result<SitePlanner::Loaded*> SitePlanner::module_of(const Mapping& m) {
  auto& entry = modules_[m.name];
  if (!entry) {
    CKPT_TRY(sites::Module module, sites::Module::open(m.name));
    entry = std::make_shared<Loaded>(Loaded{std::move(module)});
  }
  return entry.get();
}

// Room for trampolines within a jump of `address`: below the mapping it is in, where neither
// heap nor stack will grow.
Result<SitePlanner::Area*> SitePlanner::area_near(uint64_t address) {
  for (Area& area : areas_)
    if (reaches(area.start, address) && area.used + sites::kMaxTrampolineBytes <= area.bytes) return &area;
  CKPT_TRY(mappings_, read_mappings(pid_));
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

Result<abi::SitePlan> SitePlanner::make_plan(uint64_t pc, const Mapping& m, TraceeMemory& memory) {
  if (!m.is_file() || m.shared || !(m.prot & PROT_EXEC)) return Error{.code = Code::unsupported, .message = "code that is in no file"};
  if (m.prot & PROT_WRITE) return Error{.code = Code::unsupported, .message = "code that may be written"};
  auto vaddr = vaddr_of(m.name, pc - m.start + m.offset);
  if (!vaddr) return Error{.code = Code::unsupported, .message = "not an ELF segment"};
  CKPT_TRY(Loaded * loaded, module_of(m));
  CKPT_TRY(sites::Window window, sites::plan_window(loaded->module, *vaddr));
  uint64_t slide = pc - *vaddr, start = window.start + slide;
  std::byte now[sites::kMaxWindowBytes];
  CKPT_CHECK(memory.read(start, {now, window.bytes}));
  if (std::memcmp(now, window.original.data(), window.bytes) != 0)
    return Error{.code = Code::unsupported, .message = "the code differs from its file"};
  CKPT_TRY(Area * area, area_near(pc));
  uint64_t at = area->start + area->used;
  CKPT_TRY(sites::Trampoline trampoline, sites::build_trampoline(window, start, at, area->start));
  abi::SitePlan plan{};
  if (trampoline.code.size() > sizeof plan.code || trampoline.patch.size() > sizeof plan.window)
    return Error{.code = Code::limit, .message = "the trampoline is too long"};
  plan.window_start = start;
  plan.window_bytes = static_cast<uint32_t>(trampoline.patch.size());
  plan.trampoline = at;
  plan.trampoline_bytes = static_cast<uint32_t>(trampoline.code.size());
  plan.tail = at + trampoline.tail_offset;
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

Result<abi::SitePlan> SitePlanner::plan(uint64_t pc, TraceeMemory& memory) {
  const Mapping* m = mapping_at(pc);
  if (!m) return Error{.code = Code::not_found, .message = "no mapping"};
  Mapping mapping = *m;
  Result<abi::SitePlan> made = make_plan(pc, mapping, memory);
  if (made) {
    patched_++;
    return made;
  }
  Slow slow{text(mapping.name.empty() ? "anonymous memory" : mapping.name, "+0x", std::hex, pc - mapping.start + mapping.offset), made.error().message};
  bool known = std::any_of(slow_.begin(), slow_.end(), [&](const Slow& other) { return other.where == slow.where; });
  if (!known && slow_.size() < 1000) slow_.push_back(std::move(slow));
  return made;
}

}  // namespace ckpt
