#include "record/sites/elf.h"

#include <algorithm>

#include "record/sites/unwind.h"

namespace ckpt::sites {

// More than any linker writes; they bound the work a hostile file can ask for.
static constexpr uint32_t kMaxSegments = 64;
static constexpr uint32_t kMaxSections = 4096;
static constexpr uint32_t kMaxTables = 8;

static Error malformed(const std::string& what, uint64_t where) {
  return Error{.code = Code::corrupt, .message = what, .where = where};
}

Result<ElfFile> ElfFile::parse(Bytes file) {
  auto header = load<Elf64_Ehdr>(file, 0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
    return Error{.code = Code::unsupported, .message = "not an ELF file"};
  bool ours = header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_ident[EI_DATA] == ELFDATA2LSB &&
              header->e_machine == EM_X86_64 && (header->e_type == ET_DYN || header->e_type == ET_EXEC);
  if (!ours) return Error{.code = Code::unsupported, .message = "not an x86-64 program or library"};
  ElfFile elf(file);
  CKPT_CHECK(elf.read_segments(*header));
  elf.read_sections(*header);
  return elf;
}

Result<void> ElfFile::read_segments(const Elf64_Ehdr& header) {
  if (header.e_phentsize != sizeof(Elf64_Phdr)) return malformed("program headers of an odd size", header.e_phoff);
  if (header.e_phnum > kMaxSegments)
    return Error{.code = Code::limit, .message = text(header.e_phnum, " program headers, ", kMaxSegments, " followed")};
  for (uint32_t i = 0; i < header.e_phnum; i++) {
    auto entry = load<Elf64_Phdr>(file_, header.e_phoff + i * sizeof(Elf64_Phdr));
    if (!entry) return malformed("program headers pass the file end", header.e_phoff);
    if (entry->p_type == PT_GNU_EH_FRAME) eh_frame_hdr_ = entry->p_vaddr;
    if (entry->p_type != PT_LOAD || entry->p_filesz == 0) continue;
    if (entry->p_offset > file_.size() || entry->p_filesz > file_.size() - entry->p_offset)
      return malformed(text("segment ", i, " passes the file end"), entry->p_offset);
    if (entry->p_vaddr > INT64_MAX - entry->p_filesz) return malformed(text("segment ", i, " wraps around"), i);
    Segment segment{.vaddr = entry->p_vaddr, .bytes = file_.subspan(entry->p_offset, entry->p_filesz)};
    loaded_.push_back(segment);
    if (entry->p_flags & PF_X) executable_.push_back(segment);
  }
  std::ranges::sort(loaded_, {}, &Segment::vaddr);
  std::ranges::sort(executable_, {}, &Segment::vaddr);
  for (size_t i = 1; i < loaded_.size(); i++)
    if (loaded_[i].vaddr - loaded_[i - 1].vaddr < loaded_[i - 1].bytes.size())
      return malformed("segments overlap", loaded_[i].vaddr);
  return {};
}

// Sections are optional: a file without them, or with nonsense in them, only loses the
// functions that .eh_frame does not name.
void ElfFile::read_sections(const Elf64_Ehdr& header) {
  if (header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shnum > kMaxSections) return;
  if (header.e_shoff > file_.size()) return;
  auto names = load<Elf64_Shdr>(file_, header.e_shoff + uint64_t{header.e_shstrndx} * sizeof(Elf64_Shdr));
  for (uint32_t i = 0; i < header.e_shnum; i++) {
    auto entry = load<Elf64_Shdr>(file_, header.e_shoff + uint64_t{i} * sizeof(Elf64_Shdr));
    if (!entry) return;
    if (entry->sh_type == SHT_NOBITS || entry->sh_offset > file_.size()) continue;
    if (entry->sh_size > file_.size() - entry->sh_offset) continue;
    Table table{file_.subspan(entry->sh_offset, entry->sh_size)};
    bool symbols = entry->sh_type == SHT_SYMTAB || entry->sh_type == SHT_DYNSYM;
    if (symbols && symbols_.size() < kMaxTables) symbols_.push_back(table);
    if (entry->sh_type == SHT_RELA && (entry->sh_flags & SHF_ALLOC) && relocations_.size() < kMaxTables)
      relocations_.push_back(table);
    if (!names || entry->sh_name > file_.size() || names->sh_offset > file_.size()) continue;
    auto name = load<std::array<char, 10>>(file_, names->sh_offset + entry->sh_name);
    if (name && std::memcmp(name->data(), ".eh_frame", 10) == 0) eh_frame_section_ = entry->sh_addr;
  }
}

// The segment of `segments` (sorted, apart from each other) that holds `vaddr`, or null.
static const Segment* holding(std::span<const Segment> segments, uint64_t vaddr) {
  auto after = std::ranges::upper_bound(segments, vaddr, {}, &Segment::vaddr);
  if (after == segments.begin()) return nullptr;
  const Segment& segment = *(after - 1);
  return vaddr - segment.vaddr < segment.bytes.size() ? &segment : nullptr;
}

Bytes ElfFile::bytes_from(uint64_t vaddr) const {
  const Segment* segment = holding(loaded_, vaddr);
  return segment ? segment->bytes.subspan(vaddr - segment->vaddr) : Bytes{};
}

Bytes ElfFile::code(uint64_t from, uint64_t to) const {
  const Segment* segment = holding(executable_, from);
  if (!segment || to < from || to - segment->vaddr > segment->bytes.size()) return {};
  return segment->bytes.subspan(from - segment->vaddr, to - from);
}

std::optional<uint64_t> ElfFile::eh_frame() const {
  if (eh_frame_hdr_ != 0)
    if (auto found = eh_frame_of_header(bytes_from(eh_frame_hdr_), eh_frame_hdr_)) return found;
  if (eh_frame_section_ != 0) return eh_frame_section_;
  return std::nullopt;
}

}  // namespace ckpt::sites
