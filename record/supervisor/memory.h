// Walking the tracee's memory through the agent, while it waits in a request: for checkpoints
// and for the hashes of --verify.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "ckpt/image.h"
#include "record/supervisor/channel.h"
#include "record/supervisor/maps.h"
#include "trace/store/files.h"

namespace ckpt {

class TraceeMemory final {
 public:
  TraceeMemory(Channel& channel, pid_t pid, std::function<bool()> alive)
      : channel_(channel), pid_(pid), alive_(std::move(alive)) {}

  // Calls `take` with the bytes of [address, address + pages * 4096), in pieces, ascending.
  // Pages that cannot be read (past a file's end) are left out.
  Result<void> read_pages(PageRange range,
                          const std::function<Result<void>(uint64_t, std::span<const std::byte>)>& take);
  Result<void> read(uint64_t address, std::span<std::byte> out);
  Result<void> write(uint64_t address, std::span<const std::byte> bytes);
  // Makes a call inside the tracee; gives what the kernel gave.
  Result<int64_t> call(uint64_t number, std::initializer_list<uint64_t> args);

  // A task of the program that is alive: the one that waits in the request.
  pid_t pid() const;

  // The mappings that belong to the program: all but the zone and the kernel's own.
  Result<std::vector<Mapping>> program_mappings();

 private:
  Channel& channel_;
  pid_t pid_;
  std::function<bool()> alive_;
};

// Describes a mapping as an image does, without a file copy.
Region region_of(const Mapping& mapping);

}  // namespace ckpt
