#include "record/supervisor/memory.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstring>

namespace ckpt {

namespace {

Error gone() { return Error{.code = Code::not_found, .message = "the program ended while its memory was read"}; }

}  // namespace

Result<void> TraceeMemory::read_pages(PageRange range,
                                      const std::function<Result<void>(uint64_t, std::span<const std::byte>)>& take) {
  uint64_t at = range.address, end = range.address + range.pages * kPageBytes;
  while (at < end) {
    uint64_t bytes = std::min<uint64_t>(end - at, abi::kExchangeBytes);
    const uint64_t args[] = {at, bytes};
    uint64_t got = 0;
    if (!channel_.command(abi::Command::copy, args, &got, alive_)) return gone();
    uint64_t whole = std::min(got, bytes) / kPageBytes * kPageBytes;
    if (whole) CKPT_CHECK(take(at, {channel_.exchange(), whole}));
    at += whole ? whole : kPageBytes;
  }
  return {};
}

Result<void> TraceeMemory::read(uint64_t address, std::span<std::byte> out) {
  for (size_t done = 0; done < out.size();) {
    uint64_t bytes = std::min<uint64_t>(out.size() - done, abi::kExchangeBytes);
    const uint64_t args[] = {address + done, bytes};
    uint64_t got = 0;
    if (!channel_.command(abi::Command::copy, args, &got, alive_)) return gone();
    if (got != bytes)
      return Error{.code = Code::fault,
                   .message = text("program memory at 0x", std::hex, address + done + got, " cannot be read"),
                   .where = address + done + got};
    std::memcpy(out.data() + done, channel_.exchange(), bytes);
    done += bytes;
  }
  return {};
}

Result<void> TraceeMemory::write(uint64_t address, std::span<const std::byte> bytes) {
  for (size_t done = 0; done < bytes.size();) {
    uint64_t count = std::min<uint64_t>(bytes.size() - done, abi::kExchangeBytes);
    std::memcpy(channel_.exchange(), bytes.data() + done, count);
    const uint64_t args[] = {address + done, count};
    uint64_t got = 0;
    if (!channel_.command(abi::Command::fill, args, &got, alive_)) return gone();
    if (got != count)
      return Error{.code = Code::fault,
                   .message = text("program memory at 0x", std::hex, address + done + got, " cannot be written"),
                   .where = address + done + got};
    done += count;
  }
  return {};
}

Result<int64_t> TraceeMemory::call(uint64_t number, std::initializer_list<uint64_t> args) {
  uint64_t all[8] = {number};
  std::copy(args.begin(), args.end(), all + 1);
  uint64_t result = 0;
  if (!channel_.command(abi::Command::call, all, &result, alive_)) return gone();
  return static_cast<int64_t>(result);
}

// /proc/PID shows nothing once the first thread has ended, while others live.
pid_t TraceeMemory::pid() const {
  uint32_t holder = channel_.control().holder_tid;
  return holder ? static_cast<pid_t>(holder) : pid_;
}

Result<std::vector<Mapping>> TraceeMemory::program_mappings() {
  CKPT_TRY(std::vector<Mapping> all, read_mappings(pid()));
  uint64_t zone = channel_.control().zone_base, zone_end = zone + abi::kZoneBytes;
  std::erase_if(all, [&](const Mapping& m) {
    return (m.start >= zone && m.start < zone_end) || m.name == "[vsyscall]" || m.name == "[vvar]" ||
           m.name == "[vvar_vclock]" || m.name == "[vdso]";
  });
  return all;
}

Region region_of(const Mapping& m) {
  Region region;
  region.start = m.start;
  region.end = m.end;
  region.prot = m.prot;
  region.name = m.name;
  region.file_offset = m.offset;
  region.device = m.device;
  region.inode = m.inode;
  if (m.shared) region.flags |= kRegionShared;
  if (!m.is_file()) region.flags |= kRegionAnonymous;
  if (m.name == "[stack]") {
    region.kind = RegionKind::stack;
    region.flags |= kRegionGrowsDown;
  } else if (m.name == "[heap]") {
    region.kind = RegionKind::heap;
  } else if (m.shared) {
    region.kind = RegionKind::shared_memory;
  } else if (m.is_file()) {
    region.kind = RegionKind::file;
  }
  return region;
}

}  // namespace ckpt
