// prctl options that the agent answers itself; the others go by their rows.
#include "record/agent/call.h"

namespace ckpt::agent {

i64 record_prctl(Call& call) {
  constexpr u64 kGetSeccomp = 21, kGetTsc = 25, kSetTsc = 26, kGetTidAddress = 40;
  Task* task = call.task;
  i64 result;
  switch (call.args[0]) {
    case kGetSeccomp:
      result = 0;
      break;
    case kGetTsc:
      result = write_program(call.args[1], process.tsc_mode) ? 0 : -kEFAULT;
      break;
    case kSetTsc:
      if (call.args[1] == 1 || call.args[1] == 2) {
        process.tsc_mode = static_cast<u32>(call.args[1]);
        if (call.args[1] == 2) trap_time_stamps(task);
        result = 0;
      } else {
        result = -kEINVAL;
      }
      break;
    case kGetTidAddress:
      result = write_program(call.args[1], task->clear_child_tid) ? 0 : -kEFAULT;
      break;
    default: {
      extern i64 record_file(Call&);
      return record_file(call);  // by its sub-row
    }
  }
  model::Row row;
  copy_bytes(&row, call.row, sizeof row);
  row.accesses = 0;
  if (call.args[0] == kGetTsc || call.args[0] == kGetTidAddress) {
    row.accesses = 1;
    zero_bytes(&row.access[0], sizeof row.access[0]);
    row.access[0].argument = 1;
    row.access[0].direction = model::kOut;
    row.access[0].size = model::Size::bytes;
    row.access[0].scale = call.args[0] == kGetTsc ? 4 : 8;
  }
  log_call_as(call, result, row);
  return result;
}

}  // namespace ckpt::agent
