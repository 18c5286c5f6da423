// Prints offsets that assembly needs; the build turns this into offsets.h.
#include <cstdio>

#include "record/agent/task.h"

using ckpt::agent::Task;

int main() {
  std::printf("// Generated from record/agent/offsets.cc.\n");
  std::printf("#define TASK_STACK_TOP %zu\n", offsetof(Task, stack_top));
  std::printf("#define TASK_SCRATCH_RCX %zu\n", offsetof(Task, scratch_rcx));
  std::printf("#define TASK_SAVED_RSP %zu\n", offsetof(Task, saved_rsp));
  std::printf("#define TASK_RESUME %zu\n", offsetof(Task, resume));
  std::printf("#define TASK_TRAP %zu\n", offsetof(Task, trap));
  std::printf("#define TASK_ABORT_BLOCKING %zu\n", offsetof(Task, abort_blocking));
  std::printf("#define RESTORE_STACK_TOP %zu\n",
              static_cast<size_t>(ckpt::abi::kTasksOffset + ckpt::abi::kTaskSlotBytes));
  std::printf("#define FRAME_BYTES %zu\n", sizeof(ckpt::agent::Frame));
}
