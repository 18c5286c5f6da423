#include "record/sites/module.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

#include "record/sites/elf.h"
#include "record/sites/site_index.h"
#include "record/sites/unwind.h"

namespace ckpt::sites {

// A private mapping of a whole file, or nothing.
class FileMapping final {
 public:
  FileMapping() = default;
  FileMapping(void* base, size_t bytes) : base_(base), bytes_(bytes) {}
  FileMapping(FileMapping&& other) noexcept : base_(other.base_), bytes_(other.bytes_) { other.base_ = nullptr; }
  FileMapping& operator=(FileMapping&&) = delete;
  ~FileMapping() {
    if (base_) ::munmap(base_, bytes_);
  }
  Bytes bytes() const { return {static_cast<const uint8_t*>(base_), bytes_}; }

 private:
  void* base_ = nullptr;
  size_t bytes_ = 0;
};

struct Module::State {
  State(FileMapping file, ElfFile parsed) : mapping(std::move(file)), elf(std::move(parsed)), index(elf) {}

  FileMapping mapping;
  ElfFile elf;
  std::vector<FunctionRange> functions;
  SiteIndex index;
};

static Result<FileMapping> map_file(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return io_error(text("open ", path));
  struct stat status;
  if (::fstat(fd, &status) != 0 || status.st_size <= 0) {
    ::close(fd);
    return Error{.code = Code::unsupported, .message = text(path, ": not a file with contents")};
  }
  size_t bytes = static_cast<size_t>(status.st_size);
  void* base = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
  Error failed = io_error(text("map ", path));
  ::close(fd);
  if (base == MAP_FAILED) return failed;
  return FileMapping(base, bytes);
}

// Adds to `ranges` (sorted, apart) those of `more` that meet none of them.
static void add_apart(std::vector<FunctionRange>& ranges, const std::vector<FunctionRange>& more) {
  std::vector<FunctionRange> apart;
  for (const FunctionRange& range : more) {
    auto after = std::ranges::upper_bound(ranges, range.start, {}, &FunctionRange::start);
    bool meets = (after != ranges.end() && after->start < range.end) ||
                 (after != ranges.begin() && (after - 1)->end > range.start);
    if (!meets) apart.push_back(range);
  }
  ranges.insert(ranges.end(), apart.begin(), apart.end());
  std::ranges::sort(ranges, {}, &FunctionRange::start);
}

// Sorts by start, keeps the longest of those that share one, and cuts what overlaps.
static void part(std::vector<FunctionRange>& ranges) {
  std::ranges::sort(ranges, [](const FunctionRange& a, const FunctionRange& b) {
    return a.start != b.start ? a.start < b.start : a.end > b.end;
  });
  auto same_start = [](const FunctionRange& a, const FunctionRange& b) { return a.start == b.start; };
  ranges.erase(std::unique(ranges.begin(), ranges.end(), same_start), ranges.end());
  for (size_t i = 1; i < ranges.size(); i++) ranges[i - 1].end = std::min(ranges[i - 1].end, ranges[i].start);
}

// What .eh_frame names. glibc's entry for __restore_rt begins one byte early, in the padding
// before it, because unwinders look up a return address less one: decoding from there
// reads nonsense. So a signal frame counts only if it can be recognised.
static std::vector<FunctionRange> unwound_functions(const ElfFile& elf) {
  static constexpr std::array<uint8_t, 9> kReturnFromSignal = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
  std::vector<FunctionRange> ranges;
  auto frame = elf.eh_frame();
  if (!frame) return ranges;
  for (UnwindEntry entry : entries_of_eh_frame(elf.bytes_from(*frame), *frame)) {
    if (entry.signal_frame) {
      entry.range.start++;
      if (!std::ranges::equal(elf.code(entry.range.start, entry.range.start + 9), kReturnFromSignal)) continue;
    }
    if (!elf.code(entry.range.start, entry.range.end).empty()) ranges.push_back(entry.range);
  }
  part(ranges);
  return ranges;
}

static std::vector<FunctionRange> named_functions(const ElfFile& elf) {
  std::vector<FunctionRange> ranges;
  elf.each_symbol([&](const Elf64_Sym& symbol) {
    uint8_t type = ELF64_ST_TYPE(symbol.st_info);
    if (type != STT_FUNC && type != STT_GNU_IFUNC) return;
    FunctionRange range{symbol.st_value, symbol.st_value + symbol.st_size};
    if (!elf.code(range.start, range.end).empty()) ranges.push_back(range);
  });
  part(ranges);
  return ranges;
}

static std::vector<FunctionRange> functions_of(const ElfFile& elf) {
  std::vector<FunctionRange> functions = unwound_functions(elf);
  add_apart(functions, named_functions(elf));
  return functions;
}

Module::Module(std::unique_ptr<State> state) : state_(std::move(state)) {}
Module::Module(Module&& other) noexcept = default;
Module& Module::operator=(Module&& other) noexcept = default;
Module::~Module() = default;

Result<Module> Module::open(const std::string& path) {
  CKPT_TRY(FileMapping mapping, map_file(path));
  auto elf = ElfFile::parse(mapping.bytes());
  if (!elf.ok()) {
    Error error = elf.error();
    error.message = text(path, ": ", error.message);
    return error;
  }
  auto state = std::make_unique<State>(std::move(mapping), std::move(elf).value());
  state->functions = functions_of(state->elf);
  return Module(std::move(state));
}

Result<Module> Module::view(Bytes file) {
  CKPT_TRY(ElfFile elf, ElfFile::parse(file));
  auto state = std::make_unique<State>(FileMapping(), std::move(elf));
  state->functions = functions_of(state->elf);
  return Module(std::move(state));
}

std::span<const Segment> Module::executable() const {
  return state_->elf.executable();
}

std::span<const FunctionRange> Module::functions() const {
  return state_->functions;
}

std::optional<FunctionRange> Module::function_at(uint64_t vaddr) const {
  auto after = std::ranges::upper_bound(state_->functions, vaddr, {}, &FunctionRange::start);
  if (after == state_->functions.begin() || (after - 1)->end <= vaddr) return std::nullopt;
  return *(after - 1);
}

Bytes Module::code(uint64_t from, uint64_t to) const {
  return state_->elf.code(from, to);
}

const SiteIndex& Module::index() const {
  return state_->index;
}

}  // namespace ckpt::sites
