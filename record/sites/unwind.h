// Function ranges from unwind tables. Private to record_sites.
//
// A stripped library has no symbols, but C++ exceptions and profilers need .eh_frame, so
// it is always there: libc 2.36 names 3 700 functions in it and none in .symtab. Each
// FDE gives the first address of a function and how many bytes it has:
//
//   CIE  length, 0, version, augmentation "zR", …, how FDE addresses are encoded
//   FDE  length, distance back to its CIE, first address, bytes, …
//   CIE …
//   0    end
//
// Trusts no byte: an entry that makes no sense is passed over, one whose length passes
// the end stops the walk.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "record/sites/module.h"

namespace ckpt::sites {

struct UnwindEntry {
  FunctionRange range;
  bool signal_frame;  // augmentation "S": glibc lets these begin a byte early
};

// Where .eh_frame begins, from the bytes of .eh_frame_hdr.
std::optional<uint64_t> eh_frame_of_header(std::span<const uint8_t> header, uint64_t header_vaddr);

// Every FDE, in file order, unchecked against segments. `frame` may be longer than the
// section: the walk ends at its terminator.
std::vector<UnwindEntry> entries_of_eh_frame(std::span<const uint8_t> frame, uint64_t frame_vaddr);

}  // namespace ckpt::sites
