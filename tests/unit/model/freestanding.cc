// What the agent does with the tables, in as few lines as use all of them.
#include "trace/model/subcalls.h"
#include "trace/model/syscalls.h"

extern "C" uint32_t probe(uint32_t nr, const uint64_t* args) {
  using namespace ckpt::model;
  const Row* row = row_of(nr);
  if (row == nullptr) return missing_errno(nr);
  const SubRow* sub = has_subcalls(nr) ? sub_row(nr, args) : nullptr;
  auto kind = static_cast<uint32_t>(futex_row(static_cast<uint32_t>(args[1])).kind);
  return kind + static_cast<uint32_t>(row->handler) + (sub != nullptr ? sub->refuse_errno : 0);
}
