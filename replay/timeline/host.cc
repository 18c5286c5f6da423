#include "replay/timeline/host.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "record/agent/params.h"
#include "trace/store/files.h"

namespace ckpt {

namespace {

bool map_at(uint64_t at, uint64_t bytes, int protection, int flags, int fd, uint64_t offset) {
  void* got = ::mmap(reinterpret_cast<void*>(at), bytes, protection, flags, fd, static_cast<off_t>(offset));
  return got == reinterpret_cast<void*>(at);
}

bool map_zone(const Channel& channel, int blob, const BlobHeader& header, uint64_t zone) {
  constexpr int kPrivate = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, kRw = PROT_READ | PROT_WRITE;
  uint64_t data = header.file_bytes - header.text_bytes;
  uint64_t data_room = (header.memory_bytes - header.text_bytes + 4095) & ~4095ull;
  bool ok = map_at(zone, abi::kZoneBytes, PROT_NONE, kPrivate | MAP_FIXED_NOREPLACE, -1, 0) &&
            map_at(zone, header.text_bytes, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, blob, 0) &&
            map_at(zone + header.text_bytes, data_room, kRw, kPrivate | MAP_FIXED, -1, 0);
  if (!ok) return false;
  if (data && ::pread(blob, reinterpret_cast<void*>(zone + header.text_bytes), data,
                      static_cast<off_t>(header.text_bytes)) != static_cast<ssize_t>(data))
    return false;
  constexpr uint64_t kBeforeRing = abi::kControlBytes + abi::kExchangeBytes;
  return map_at(zone + abi::kSharedOffset, abi::kSharedBytes, kRw, MAP_SHARED | MAP_FIXED, channel.fd(), 0) &&
         map_at(zone + abi::kSharedOffset + abi::kSharedBytes, abi::kRingBytes, kRw, MAP_SHARED | MAP_FIXED,
                channel.fd(), kBeforeRing) &&
         map_at(zone + abi::kTasksOffset, abi::kTaskSlots * abi::kTaskSlotBytes, kRw, kPrivate | MAP_FIXED, -1, 0) &&
         map_at(zone + abi::kScratchOffset, abi::kTaskSlots * abi::kScratchBytes, kRw, kPrivate | MAP_FIXED, -1, 0);
}

// libc's marks on this thread point into memory that is about to go.
void detach_from_libc() {
  ::syscall(SYS_set_robust_list, nullptr, 24);
  ::syscall(SYS_set_tid_address, nullptr);
#ifdef RSEQ_SIG
  if (__rseq_size)
    ::syscall(SYS_rseq, static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset, 32, RSEQ_FLAG_UNREGISTER,
              RSEQ_SIG);
#endif
}

[[noreturn]] void become_host(Channel& channel, int blob, const BlobHeader& header, uint64_t zone, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(125);
  sigset_t all;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  rlimit stack{RLIM_INFINITY, RLIM_INFINITY};
  if (::getrlimit(RLIMIT_STACK, &stack) == 0) {
    stack.rlim_cur = stack.rlim_max;
    ::setrlimit(RLIMIT_STACK, &stack);
  }
  if (!map_zone(channel, blob, header, zone)) {
    channel.control().failed_line = 2;
    ::_exit(125);
  }
  detach_from_libc();
  reinterpret_cast<void (*)()>(zone + CKPT_BLOB_RESTORE)();
  __builtin_trap();
}

Result<void> expect_mapped(const Result<int64_t>& met, const Region& region) {
  if (!met) return met.error();
  if (static_cast<uint64_t>(*met) == region.start) return {};
  return Error{.code = Code::io,
               .message = text("mapping 0x", std::hex, region.start, " (", region.name,
                               ") of the image: ", std::strerror(static_cast<int>(-*met)))};
}

// Opens a file inside the replaying process: the path travels through the image's own address,
// which is mapped for it first.
Result<void> map_file_region(const Region& region, const std::string& path, bool shared, TraceeMemory& memory) {
  constexpr uint64_t kScratchAnonymous = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  uint64_t bytes = region.end - region.start;
  CKPT_CHECK(expect_mapped(
      memory.call(SYS_mmap, {region.start, bytes, PROT_READ | PROT_WRITE, kScratchAnonymous, ~0ull, 0}), region));
  CKPT_CHECK(memory.write(region.start, std::as_bytes(std::span(path.c_str(), path.size() + 1))));
  CKPT_TRY(int64_t fd, memory.call(SYS_openat, {static_cast<uint64_t>(AT_FDCWD), region.start,
                                                static_cast<uint64_t>(shared ? O_RDWR : O_RDONLY)}));
  if (fd < 0)
    return Error{.code = Code::io,
                 .message = text(path, ": ", std::strerror(static_cast<int>(-fd))),
                 .os_errno = static_cast<int>(-fd)};
  uint64_t flags = MAP_FIXED | (shared ? MAP_SHARED : MAP_PRIVATE);
  CKPT_CHECK(expect_mapped(
      memory.call(SYS_mmap, {region.start, bytes, region.prot, flags, static_cast<uint64_t>(fd), region.file_offset}),
      region));
  CKPT_TRY(int64_t closed, memory.call(SYS_close, {static_cast<uint64_t>(fd)}));
  (void)closed;
  return {};
}

Result<void> map_region(const Region& region, const std::string& trace_folder, TraceeMemory& memory,
                        SharedFiles& shared) {
  std::string copy = trace_folder + "/files/" + region.file.hash;
  if (region.shared()) {
    CKPT_TRY(std::string path,
             shared.path(region.device, region.inode, region.has_copy() ? copy : "",
                         std::max(region.file.bytes, region.file_offset + region.end - region.start)));
    return map_file_region(region, path, true, memory);
  }
  if (region.has_copy()) return map_file_region(region, copy, false, memory);
  uint64_t flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
  if (region.flags & kRegionGrowsDown) flags |= MAP_GROWSDOWN;
  return expect_mapped(memory.call(SYS_mmap, {region.start, region.end - region.start, region.prot, flags, ~0ull, 0}),
                       region);
}

Result<void> set_protection(TraceeMemory& memory, const Region& region, uint64_t protection) {
  CKPT_TRY(int64_t made, memory.call(SYS_mprotect, {region.start, region.end - region.start, protection}));
  if (made != 0)
    return Error{.code = Code::io,
                 .message = text("protecting 0x", std::hex, region.start,
                                 " of the image: ", std::strerror(static_cast<int>(-made)))};
  return {};
}

}  // namespace

Result<pid_t> start_host(Channel& channel, const std::string& blob, uint64_t zone) {
  int fd = ::open(blob.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return io_error(blob);
  BlobHeader header;
  if (::pread(fd, &header, sizeof header, 0) != sizeof header || header.magic != CKPT_BLOB_MAGIC)
    return Error{.code = Code::corrupt, .message = text(blob, ": not an agent; install ckpt again")};
  pid_t parent = ::getpid();
  pid_t pid = ::fork();
  if (pid < 0) return io_error("fork");
  if (pid == 0) become_host(channel, fd, header, zone, parent);
  ::close(fd);
  return pid;
}

SharedFiles::~SharedFiles() {
  for (auto& [identity, fd] : descriptors_) ::close(fd);
}

Result<std::string> SharedFiles::path(uint64_t device, uint64_t inode, const std::string& copy, uint64_t bytes) {
  auto [at, fresh] = descriptors_.try_emplace({device, inode}, -1);
  if (fresh) {
    at->second = ::memfd_create("ckpt-shared", MFD_CLOEXEC);
    if (at->second < 0) return io_error("memory for a shared mapping");
    if (!copy.empty()) {
      CKPT_TRY(FileHandle from, open_file(copy, O_RDONLY | O_CLOEXEC));
      std::vector<std::byte> buffer(1 << 20);
      for (uint64_t done = 0;;) {
        ssize_t got = ::pread(from.get(), buffer.data(), buffer.size(), static_cast<off_t>(done));
        if (got <= 0) break;
        if (::pwrite(at->second, buffer.data(), static_cast<size_t>(got), static_cast<off_t>(done)) != got)
          return io_error("memory for a shared mapping");
        done += static_cast<uint64_t>(got);
      }
    }
  }
  off_t now = ::lseek(at->second, 0, SEEK_END);
  if (now < static_cast<off_t>(bytes) && ::ftruncate(at->second, static_cast<off_t>(bytes)) != 0)
    return io_error("memory for a shared mapping");
  return text("/proc/", ::getpid(), "/fd/", at->second);
}

void SharedFiles::cut(uint64_t device, uint64_t inode, uint64_t bytes) {
  auto at = descriptors_.find({device, inode});
  if (at != descriptors_.end() && ::ftruncate(at->second, static_cast<off_t>(bytes)) != 0) return;
}

Result<void> build_image(ImageReader& image, const std::string& trace_folder, TraceeMemory& memory,
                         SharedFiles& shared) {
  for (const Region& region : image.regions()) CKPT_CHECK(map_region(region, trace_folder, memory, shared));
  std::vector<std::byte> buffer(abi::kExchangeBytes);
  std::vector<const Region*> opened;
  for (const PageRun& run : image.runs()) {
    for (uint64_t at = run.address, end = run.address + run.pages * kPageBytes; at < end;) {
      const Region* region = image.region_at(at);
      if (!region)
        return Error{.code = Code::corrupt, .message = text("image-0: page 0x", std::hex, at, " is in no region")};
      if (!(region->prot & PROT_WRITE) && (opened.empty() || opened.back() != region)) {
        CKPT_CHECK(set_protection(memory, *region, PROT_READ | PROT_WRITE));
        opened.push_back(region);
      }
      uint64_t bytes = std::min({end - at, region->end - at, static_cast<uint64_t>(buffer.size())});
      CKPT_CHECK(image.read(at, {buffer.data(), bytes}));
      CKPT_CHECK(memory.write(at, {buffer.data(), bytes}));
      at += bytes;
    }
  }
  for (const Region* region : opened) CKPT_CHECK(set_protection(memory, *region, region->prot));
  return {};
}

}  // namespace ckpt
