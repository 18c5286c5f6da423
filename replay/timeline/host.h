// The process a replay runs in: forked from us, emptied, and built up as the image says.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "ckpt/image.h"
#include "record/supervisor/channel.h"
#include "record/supervisor/memory.h"
#include "trace/base/result.h"

namespace ckpt {

// Forks the process and lets it run into the agent's restore entry.
Result<pid_t> start_host(Channel& channel, const std::string& blob, uint64_t zone);

// Shared memory that stands for files mapped MAP_SHARED: one memfd for each (device, inode).
class SharedFiles final {
 public:
  ~SharedFiles();
  // A path under which the replaying process can open it, filled from `copy` when first asked.
  // Whether something shared stands for the file already.
  bool has(uint64_t device, uint64_t inode) const { return descriptors_.contains({device, inode}); }
  // Gives it another length, if it does.
  void cut(uint64_t device, uint64_t inode, uint64_t bytes);
  Result<std::string> path(uint64_t device, uint64_t inode, const std::string& copy, uint64_t bytes);

 private:
  std::map<std::pair<uint64_t, uint64_t>, int> descriptors_;
};

// Maps and fills every region of the image. The agent waits in a request meanwhile.
Result<void> build_image(ImageReader& image, const std::string& trace_folder, TraceeMemory& memory,
                         SharedFiles& shared);

}  // namespace ckpt
