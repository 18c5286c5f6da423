// The parts of an ELF64 x86-64 file that finding sites needs. Private to record_sites.
//
// Trusts no byte: whatever passes the end of the file or of its segment is left out.
//
// Owns:    nothing; the file's bytes outlive it.
// Threads: immutable after parse.
// Errors:  corrupt if the headers contradict themselves; unsupported if this is not
//          an x86-64 program or library; limit if it has more segments than we follow.
#pragma once

#include <elf.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "record/sites/module.h"
#include "trace/base/result.h"

namespace ckpt::sites {

using Bytes = std::span<const uint8_t>;

// The object at `offset`, whatever its alignment; nothing if it passes the end.
template <class T>
std::optional<T> load(Bytes bytes, uint64_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

class ElfFile final {
 public:
  static Result<ElfFile> parse(Bytes file);

  // Sorted by address; they do not overlap.
  std::span<const Segment> executable() const { return executable_; }

  // From `vaddr` to the end of what the file gives its segment; empty if nothing is there.
  Bytes bytes_from(uint64_t vaddr) const;

  // The whole of [from, to) if it lies in one executable segment, else empty.
  Bytes code(uint64_t from, uint64_t to) const;

  // Where .eh_frame begins, from its program header or else its section.
  std::optional<uint64_t> eh_frame() const;

  // Calls visit(const Elf64_Sym&) for every defined symbol of .symtab and .dynsym.
  template <class Visit>
  void each_symbol(Visit visit) const {
    for (const Table& table : symbols_)
      for (uint64_t at = 0; auto symbol = load<Elf64_Sym>(table.bytes, at); at += sizeof(Elf64_Sym))
        if (symbol->st_shndx != SHN_UNDEF) visit(*symbol);
  }

  // Calls visit(address) for every pointer the loader will make from a RELATIVE entry.
  template <class Visit>
  void each_relative_pointer(Visit visit) const {
    for (const Table& table : relocations_)
      for (uint64_t at = 0; auto entry = load<Elf64_Rela>(table.bytes, at); at += sizeof(Elf64_Rela))
        if (ELF64_R_TYPE(entry->r_info) == R_X86_64_RELATIVE) visit(static_cast<uint64_t>(entry->r_addend));
  }

 private:
  struct Table {
    Bytes bytes;
  };

  explicit ElfFile(Bytes file) : file_(file) {}
  Result<void> read_segments(const Elf64_Ehdr& header);
  void read_sections(const Elf64_Ehdr& header);

  Bytes file_;
  std::vector<Segment> loaded_;
  std::vector<Segment> executable_;
  std::vector<Table> symbols_;
  std::vector<Table> relocations_;
  uint64_t eh_frame_hdr_ = 0;
  uint64_t eh_frame_section_ = 0;
};

}  // namespace ckpt::sites
