// Checkpoint 0 and the hashes of --verify, taken while the tracee waits in a request.
#pragma once

#include <functional>
#include <string>

#include "ckpt/page_hash.h"
#include "record/supervisor/memory.h"
#include "trace/store/files.h"

namespace ckpt {

// Reads it from the exchange buffer. `args` are the request's.
TaskContext read_first_task(Channel& channel);

// Writes image `number` of the trace: every mapping, copies of mapped files, own pages.
// Returns how many pages were stored.
Result<uint64_t> capture_image(TraceeMemory& memory, pid_t pid, FileStore& files, const std::string& trace_folder,
                               uint32_t number, const TaskContext& task, std::function<void(const Mapping&)> seen);

// Shows every mapping and then its own pages, ascending, to whoever hashes or compares them.
struct PageSink {
  std::function<Result<void>(const Region&)> region;
  std::function<Result<void>(uint64_t, std::span<const std::byte>)> pages;
};
Result<void> show_memory(TraceeMemory& memory, const PageSink& sink);

}  // namespace ckpt
