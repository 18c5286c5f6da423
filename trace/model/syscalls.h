// The table of syscalls: what each does when recorded and replayed. Freestanding.
//
// row_of(nr) is one bounds check and one index. A number it does not know (and every x32
// number) is refused with ENOSYS. Names and reasons are in names.h.
#pragma once

#include "trace/model/builder.h"
#include "trace/model/numbers.h"

// Hidden, so that position-independent code gets here without the global offset table.
#pragma GCC visibility push(hidden)

namespace ckpt::model {

struct SyscallTable {
  Row rows[kSyscallLimit];
};

namespace rows {

struct Listed {
  uint32_t count;
  bool in_order;     // numbers rise
  bool well_formed;  // arguments and accesses within bounds, refusals say why
  SyscallTable table;
};

constexpr bool says_why(Verdict verdict) {
  return verdict.replay != Replay::refuse || *verdict.why != 0;
}

constexpr bool takes_size_argument(Size size) {
  return size == Size::argument || size == Size::returned_up_to || size == Size::value_result || size == Size::iovec ||
         size == Size::fd_sets || size == Size::pages;
}

constexpr bool well_formed(const Row& row) {
  if (row.arguments > 6 || row.accesses > kMaxAccesses || row.wait_fd > row.arguments) return false;
  for (int i = 0; i < row.accesses; ++i) {
    const Access& access = row.access[i];
    if (access.argument >= row.arguments || access.scale == 0) return false;
    if (takes_size_argument(access.size) && access.from >= row.arguments) return false;
  }
  return true;
}

constexpr Listed listed() {
  struct Entry {
    Row row;
    bool why;
  };
  constexpr Entry entries[] = {
#define SYSCALL(name, signature, verdict, ...) \
  {row(__NR_##name, signature, verdict __VA_OPT__(, ) __VA_ARGS__), says_why(verdict)},
#include "trace/model/syscalls.inc"
#undef SYSCALL
  };
  Listed made{0, true, true, {}};
  for (Row& row : made.table.rows) row.arguments = kNoRow;
  int last = -1;
  for (const Entry& entry : entries) {
    if (entry.row.number <= last) made.in_order = false;
    last = entry.row.number;
    if (!entry.why || !well_formed(entry.row)) made.well_formed = false;
    made.table.rows[entry.row.number] = entry.row;
    ++made.count;
  }
  return made;
}

constexpr bool every_number_has_one_row(const Listed& all) {
  for (uint32_t nr = 0; nr < kSyscallLimit; ++nr)
    if ((all.table.rows[nr].arguments == kNoRow) != (nr >= kGapStart && nr < kGapEnd)) return false;
  return all.count == kSyscallLimit - (kGapEnd - kGapStart);
}

static_assert(listed().in_order, "rows are in kernel order");
static_assert(listed().well_formed, "an access or the argument count is out of bounds, or a refusal has no reason");
static_assert(every_number_has_one_row(listed()), "give the new syscall a row and a verdict");

}  // namespace rows

inline constexpr SyscallTable kSyscalls = rows::listed().table;

// The row of a syscall, or null if the number means nothing.
constexpr const Row* row_of(uint32_t nr) {
  if (nr >= kSyscallLimit || kSyscalls.rows[nr].arguments == kNoRow) return nullptr;
  return &kSyscalls.rows[nr];
}

}  // namespace ckpt::model

#pragma GCC visibility pop
