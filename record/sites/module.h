// One ELF file, seen as code: its executable bytes and where its functions are.
//
// All addresses are the file's own (ELF vaddrs); the caller adds the load bias.
// Functions come from .eh_frame, and from .symtab and .dynsym where it is silent. A
// module is cheap to open (0.5 ms for libc, 7 ms for the 25 MB of mariadbd) and is meant
// to be kept while the tracee has it mapped: what the planner learns of it is found on
// first use and stays. It keeps 16 bytes a function (0.6 MB for mariadbd) and a few KB.
//
// Owns:    its mapping of the file, if opened by path. The file must not shrink
//          meanwhile; replacing it by rename, as package managers do, is fine.
// Threads: immutable to its callers; any number may use one Module at once.
// Errors:  io if the file cannot be mapped; unsupported if it is not an x86-64 ELF
//          program or library; corrupt if its headers contradict themselves; limit if
//          it has more segments than we follow. Nonsense in unwind tables and symbols
//          is not an error: those functions are unknown.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "trace/base/result.h"

namespace ckpt::sites {

class SiteIndex;

struct Segment {
  uint64_t vaddr;
  std::span<const uint8_t> bytes;  // what the file gives it
};

struct FunctionRange {
  uint64_t start;
  uint64_t end;  // one past its last byte
};

class Module final {
 public:
  // Maps the file.
  static Result<Module> open(const std::string& path);

  // Looks at bytes that outlive the module.
  static Result<Module> view(std::span<const uint8_t> file);

  Module(Module&& other) noexcept;
  Module& operator=(Module&& other) noexcept;
  ~Module();

  // Sorted by address, apart from each other.
  std::span<const Segment> executable() const;

  // Sorted by address, apart from each other, each whole in one executable segment.
  // Ranges that overlap in the file are cut at the next one's start.
  std::span<const FunctionRange> functions() const;

  // The function that holds `vaddr`.
  std::optional<FunctionRange> function_at(uint64_t vaddr) const;

  // The bytes of [from, to) if they lie in one executable segment, else empty.
  std::span<const uint8_t> code(uint64_t from, uint64_t to) const;

  // What the planner keeps of this module. Private to record_sites.
  const SiteIndex& index() const;

 private:
  struct State;
  explicit Module(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ckpt::sites
