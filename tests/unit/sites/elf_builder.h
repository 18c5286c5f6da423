// A small ELF64 library, built in memory from the code of its functions.
//
//   0x0000  headers
//   0x1000  executable: the functions, each aligned to 16, int3 between them
//   behind  read only: .eh_frame_hdr, .eh_frame, .symtab, .rela.dyn
//
// Addresses are file offsets, so a test can count on its fingers: the first function is
// at 0x1000.
#pragma once

#include <elf.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace ckpt::sites::test {

using Code = std::vector<uint8_t>;

// "0f 05 c3" as bytes.
inline Code hex(const std::string& digits) {
  Code code;
  for (size_t at = 0; at < digits.size(); at += 3)
    code.push_back(static_cast<uint8_t>(std::stoul(digits.substr(at, 2), nullptr, 16)));
  return code;
}

inline constexpr uint64_t kText = 0x1000;

class ElfBuilder final {
 public:
  // Appends a function with an unwind entry. Returns where it is.
  uint64_t function(const Code& code) { return place(code, &unwound_); }

  // One with the augmentation of signal frames, whose entry begins a byte early.
  uint64_t signal_frame(const Code& code) { return place(code, &signal_); }

  // Code that nothing describes.
  uint64_t loose(const Code& code) { return place(code, nullptr); }

  // Appends without aligning.
  uint64_t next_to(const Code& code) {
    uint64_t at = kText + text_.size();
    text_.insert(text_.end(), code.begin(), code.end());
    unwound_.push_back({at, code.size()});
    return at;
  }

  void symbol(uint64_t vaddr, uint64_t bytes, uint8_t type = STT_FUNC) {
    symbols_.push_back(
        Elf64_Sym{.st_name = 0, .st_info = type, .st_other = 0, .st_shndx = 1, .st_value = vaddr, .st_size = bytes});
  }

  // A pointer in data to `target`, as the loader is told of it.
  void pointer_to(uint64_t target) {
    relocations_.push_back(Elf64_Rela{
        .r_offset = 0, .r_info = ELF64_R_INFO(0, R_X86_64_RELATIVE), .r_addend = static_cast<int64_t>(target)});
  }

  Code build() const {
    Code file(kText);
    append(file, text_.data(), text_.size());
    uint64_t tables = (file.size() + 15) & ~uint64_t{15};
    file.resize(tables);
    uint64_t frame = tables + 8;
    append32(file, 0xffff1b01);  // version 1; .eh_frame is pc-relative sdata4; no search table
    append32(file, 4);
    append_frame(file, "zR", unwound_, 0);
    append_frame(file, "zRS", signal_, 1);
    append32(file, 0);
    uint64_t symbols = file.size();
    append(file, symbols_.data(), symbols_.size() * sizeof(Elf64_Sym));
    uint64_t relocations = file.size();
    append(file, relocations_.data(), relocations_.size() * sizeof(Elf64_Rela));
    uint64_t sections = file.size();
    append(file,
           std::vector<Elf64_Shdr>{
               {}, section(SHT_SYMTAB, 0, symbols, relocations), section(SHT_RELA, SHF_ALLOC, relocations, sections)});
    write_headers(file, tables, frame, sections);
    return file;
  }

 private:
  struct Entry {
    uint64_t start, bytes;
  };

  uint64_t place(const Code& code, std::vector<Entry>* entries) {
    text_.resize((text_.size() + 15) & ~size_t{15}, 0xcc);
    uint64_t at = kText + text_.size();
    text_.insert(text_.end(), code.begin(), code.end());
    if (entries) entries->push_back({at, code.size()});
    return at;
  }

  static void append(Code& file, const void* data, size_t bytes) {
    size_t at = file.size();
    file.resize(at + bytes);
    if (bytes != 0) std::memcpy(file.data() + at, data, bytes);
  }
  static void append(Code& file, const std::vector<Elf64_Shdr>& headers) {
    append(file, headers.data(), headers.size() * sizeof(Elf64_Shdr));
  }
  static void append32(Code& file, uint64_t value) { append(file, &value, 4); }

  // A CIE with `augmentation` and an FDE for each of `entries`, begun `early` bytes early.
  static void append_frame(Code& file, const std::string& augmentation, const std::vector<Entry>& entries,
                           uint64_t early) {
    uint64_t cie = file.size();
    Code body = {1};
    body.insert(body.end(), augmentation.begin(), augmentation.end());
    body.insert(body.end(), {0, 1, 0x78, 16, 1, 0x1b});  // alignments, return address, pc-relative sdata4
    body.resize((body.size() + 3) & ~size_t{3});
    append32(file, body.size() + 4);
    append32(file, 0);
    append(file, body.data(), body.size());
    for (const Entry& entry : entries) {
      append32(file, 16);
      append32(file, file.size() - cie);
      append32(file, entry.start - early - file.size());
      append32(file, entry.bytes + early);
      append32(file, 0);
    }
  }

  static Elf64_Shdr section(uint32_t type, uint64_t flags, uint64_t from, uint64_t to) {
    return Elf64_Shdr{.sh_name = 0,
                      .sh_type = type,
                      .sh_flags = flags,
                      .sh_addr = from,
                      .sh_offset = from,
                      .sh_size = to - from,
                      .sh_link = 0,
                      .sh_info = 0,
                      .sh_addralign = 8,
                      .sh_entsize = 0};
  }

  void write_headers(Code& file, uint64_t tables, uint64_t frame, uint64_t sections) const {
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_DYN;
    header.e_machine = EM_X86_64;
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = 3;
    header.e_shoff = sections;
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = 3;
    auto program = [](uint32_t type, uint32_t flags, uint64_t from, uint64_t to) {
      return Elf64_Phdr{.p_type = type,
                        .p_flags = flags,
                        .p_offset = from,
                        .p_vaddr = from,
                        .p_paddr = from,
                        .p_filesz = to - from,
                        .p_memsz = to - from,
                        .p_align = 16};
    };
    Elf64_Phdr programs[] = {program(PT_LOAD, PF_R | PF_X, kText, kText + text_.size()),
                             program(PT_LOAD, PF_R, tables, sections), program(PT_GNU_EH_FRAME, PF_R, tables, frame)};
    std::memcpy(file.data(), &header, sizeof header);
    std::memcpy(file.data() + sizeof header, programs, sizeof programs);
  }

  Code text_;
  std::vector<Entry> unwound_, signal_;
  std::vector<Elf64_Sym> symbols_;
  std::vector<Elf64_Rela> relocations_;
};

}  // namespace ckpt::sites::test
