#include "record/supervisor/capture.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cstring>

#include "record/agent/task.h"
#include "trace/store/file_io.h"

namespace ckpt {

namespace {

// Makes pages readable for as long as they are copied.
Result<void> read_any_pages(TraceeMemory& memory, const Mapping& m, PageRange range,
                            const std::function<Result<void>(uint64_t, std::span<const std::byte>)>& take) {
  bool hidden = !(m.prot & PROT_READ);
  uint64_t bytes = range.pages * kPageBytes;
  if (hidden) CKPT_CHECK([&]() -> Result<void> {
    CKPT_TRY(int64_t made, memory.call(SYS_mprotect, {range.address, bytes, PROT_READ}));
    (void)made;
    return {};
  }());
  CKPT_CHECK(memory.read_pages(range, take));
  if (hidden) {
    CKPT_TRY(int64_t made, memory.call(SYS_mprotect, {range.address, bytes, m.prot}));
    (void)made;
  }
  return {};
}

// A copy of the mapped file, if the name still leads to the same one.
std::optional<FileCopy> copy_file(FileStore& files, const Mapping& m, const std::string& trace_folder) {
  Result<FileHandle> file = open_file(m.name, O_RDONLY | O_CLOEXEC);
  if (!file) return std::nullopt;
  struct stat facts;
  if (::fstat(file->get(), &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_ino != m.inode) return std::nullopt;
  Result<FileCopy> copy = files.add(file->get(), trace_folder);
  if (!copy) return std::nullopt;
  return *copy;
}

}  // namespace

TaskContext read_first_task(Channel& channel) {
  const std::byte* at = channel.exchange();
  const uint64_t* args = channel.control().args;
  TaskContext context;
  context.task = 1;
  context.tid = static_cast<int32_t>(args[3]);
  context.fs_base = args[4];
  std::memcpy(context.registers.data(), at, sizeof(agent::Frame));
  const std::byte* task = at + args[0];
  context.agent_state.assign(task, task + args[1]);
  const std::byte* vectors = at + 32768;
  context.xsave.assign(vectors, vectors + args[2]);
  return context;
}

Result<uint64_t> capture_image(TraceeMemory& memory, pid_t pid, FileStore& files, const std::string& trace_folder,
                               uint32_t number, const TaskContext& task, std::function<void(const Mapping&)> seen) {
  CKPT_TRY(ImageWriter image, ImageWriter::create(trace_folder, number));
  CKPT_TRY(std::vector<Mapping> mappings, memory.program_mappings());
  for (const Mapping& m : mappings) {
    seen(m);
    Region region = region_of(m);
    Pages wanted = Pages::own;
    if (m.is_file()) {
      if (auto copy = copy_file(files, m, trace_folder)) {
        region.file = *copy;
      } else {  // its name is gone: keep what it shows
        region.kind = m.shared ? RegionKind::shared_memory : RegionKind::anonymous;
        region.flags |= kRegionAnonymous;
        wanted = Pages::present;
      }
    } else if (m.shared) {
      wanted = Pages::present;
    }
    CKPT_CHECK(image.add_region(region));
    auto ranges = wanted == Pages::present && m.is_file() ? std::vector<PageRange>{{m.start, m.bytes() / kPageBytes}}
                                                           : find_pages(pid, m.start, m.end, wanted);
    for (PageRange range : ranges)
      CKPT_CHECK(read_any_pages(
          memory, m, range, [&](uint64_t at, std::span<const std::byte> bytes) { return image.add_pages(at, bytes); }));
  }
  uint64_t pages = image.pages();
  CKPT_CHECK(image.finish({&task, 1}, {}));
  return pages;
}

Result<void> show_memory(TraceeMemory& memory, const PageSink& sink) {
  pid_t pid = memory.pid();
  CKPT_TRY(std::vector<Mapping> mappings, memory.program_mappings());
  for (const Mapping& m : mappings) {
    CKPT_CHECK(sink.region(region_of(m)));
    for (PageRange range : find_pages(pid, m.start, m.end, m.shared ? Pages::present : Pages::own))
      CKPT_CHECK(read_any_pages(memory, m, range, sink.pages));
  }
  return {};
}

}  // namespace ckpt
