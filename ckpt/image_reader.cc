#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <map>

#include <zstd.h>

#include "ckpt/image.h"
#include "ckpt/manifest.h"
#include "schemas/image.capnp.h"
#include "trace/store/file_io.h"
#include "trace/store/files.h"
#include "trace/store/format.h"
#include "trace/store/frame.h"
#include "trace/store/message_file.h"

namespace ckpt {
namespace {

constexpr uint64_t kMaxPayload = 2 * format::kSegmentPages * kPageBytes;
constexpr uint64_t kMaxPage = UINT64_MAX / kPageBytes;

Error bad(const std::string& path, const std::string& why, uint64_t where = 0) {
  return Error{.code = Code::corrupt, .message = text(path, ": ", why), .where = where};
}

std::vector<std::byte> as_bytes(capnp::Data::Reader data) {
  const auto* from = reinterpret_cast<const std::byte*>(data.begin());
  return {from, from + data.size()};
}

Result<TaskContext> get_task(schema::Task::Reader from, const std::string& path) {
  TaskContext to;
  to.task = from.getTask();
  to.tid = from.getTid();
  const auto registers = from.getRegisters();
  if (registers.size() != reg::kCount) return bad(path, text("task with ", registers.size(), " registers"));
  for (unsigned i = 0; i < reg::kCount; i++) to.registers[i] = registers[i];
  to.fs_base = from.getFsBase();
  to.gs_base = from.getGsBase();
  to.signal_mask = from.getSignalMask();
  to.xsave = as_bytes(from.getXsave());
  to.agent_state = as_bytes(from.getAgentState());
  return to;
}

uint64_t run_end(const PageRun& run) {
  return run.address + run.pages * kPageBytes;
}

}  // namespace

struct ImageReader::State {
  std::string folder;
  std::string path;
  std::string pages_path;
  FileHandle file;
  std::vector<Region> regions;
  std::vector<TaskContext> tasks;
  std::vector<PageRun> runs;
  std::vector<uint64_t> segments;
  std::vector<std::byte> agent_state;
  uint64_t stored = 0;
  std::map<std::string, FileHandle> copies;
  // The segment last read: hashes, then compressed pages; and its pages once asked for.
  uint64_t loaded = UINT64_MAX;
  std::vector<std::byte> payload;
  std::vector<std::byte> pages;
  bool unpacked = false;

  Result<void> read_manifest(uint32_t number);
  Result<void> get_runs(capnp::List<schema::Run>::Reader from);
  bool is_mapped(uint64_t from, uint64_t to) const;
  const PageRun* run_from(uint64_t address) const;
  uint64_t pages_in(uint64_t segment) const;
  Result<void> load(uint64_t segment);
  Result<void> unpack(std::span<std::byte> out) const;
  Result<void> read_stored(uint64_t first, std::span<std::byte> out);
  Result<void> read_clean(uint64_t address, std::span<std::byte> out);
  Result<void> read_copy(const Region& region, uint64_t address, std::span<std::byte> out);
};

// Runs must be ascending, mapped, and together use the stored pages one after another.
Result<void> ImageReader::State::get_runs(capnp::List<schema::Run>::Reader from) {
  uint64_t least = 0, next_stored = 0;
  for (auto row : from) {
    const PageRun run{.address = row.getAddress(),
                      .pages = row.getPages(),
                      .source = static_cast<PageSource>(row.getSource()),
                      .first_stored = row.getFirst()};
    if (run.address % kPageBytes != 0 || run.pages == 0 || run.pages > kMaxPage ||
        run.pages * kPageBytes > UINT64_MAX - run.address || run.address < least || run.source > PageSource::zero ||
        !is_mapped(run.address, run_end(run)))
      return bad(path, text("bad run of pages at ", std::hex, run.address));
    least = run_end(run);
    if (run.source == PageSource::stored) {
      if (run.first_stored != next_stored || run.pages > stored - next_stored)
        return bad(path, text("run at ", std::hex, run.address, " has no such pages"));
      next_stored += run.pages;
    }
    runs.push_back(run);
  }
  if (next_stored != stored) return bad(path, "stored pages without a run");
  return {};
}

Result<void> ImageReader::State::read_manifest(uint32_t number) {
  CKPT_TRY(const MessageBytes message, read_message_file(path, format::MessageKind::image));
  return message.read<schema::Image>(path, [&](schema::Image::Reader image) -> Result<void> {
    if (image.getNumber() != number) return bad(path, text("it is image ", image.getNumber()));
    stored = image.getStoredPages();
    CKPT_TRY(regions, get_regions(image.getRegions(), path));
    const auto offsets = image.getSegments();
    const uint64_t wanted = stored / format::kSegmentPages + (stored % format::kSegmentPages != 0);
    if (offsets.size() != wanted) return bad(path, text(offsets.size(), " segments for ", stored, " pages"));
    for (uint64_t offset : offsets) segments.push_back(offset);
    CKPT_CHECK(get_runs(image.getRuns()));
    const auto rows = image.getTasks();
    if (rows.size() > format::kMaxTasks) return bad(path, text(rows.size(), " tasks"));
    for (auto row : rows) {
      CKPT_TRY(TaskContext task, get_task(row, path));
      tasks.push_back(std::move(task));
    }
    agent_state = as_bytes(image.getAgentState());
    return {};
  });
}

// Whether regions cover all of it.
bool ImageReader::State::is_mapped(uint64_t from, uint64_t to) const {
  while (from < to) {
    const Region* region = find_region(regions, from);
    if (!region) return false;
    from = region->end;
  }
  return true;
}

// The run that holds `address`, or the next one after it, or a null pointer.
const PageRun* ImageReader::State::run_from(uint64_t address) const {
  const auto found = std::upper_bound(runs.begin(), runs.end(), address,
                                      [](uint64_t value, const PageRun& run) { return value < run_end(run); });
  return found == runs.end() ? nullptr : &*found;
}

uint64_t ImageReader::State::pages_in(uint64_t segment) const {
  return std::min<uint64_t>(format::kSegmentPages, stored - segment * format::kSegmentPages);
}

// Reads a segment's hashes and compressed pages.
Result<void> ImageReader::State::load(uint64_t segment) {
  if (loaded == segment) return {};
  loaded = UINT64_MAX;
  unpacked = false;
  const uint64_t offset = segments[segment];
  format::SegmentFrame header;
  CKPT_TRY(const FramePlace place,
           read_frame_header(file.get(), offset, format::Magic::segment, header, kMaxPayload, pages_path));
  if (place.state != FrameState::whole) return bad(pages_path, "the file is cut", offset);
  if (header.first_stored != segment * format::kSegmentPages || header.pages != pages_in(segment) ||
      place.stored_bytes < header.pages * sizeof(PageHash))
    return bad(pages_path, text("segment at byte ", offset, " does not fit the manifest"), offset);
  CKPT_CHECK(read_frame_payload(file.get(), place, payload, pages_path));
  loaded = segment;
  return {};
}

// Decompresses the loaded segment, all of it, into `out`.
Result<void> ImageReader::State::unpack(std::span<std::byte> out) const {
  const size_t skip = pages_in(loaded) * sizeof(PageHash);
  const size_t got = ZSTD_decompress(out.data(), out.size(), payload.data() + skip, payload.size() - skip);
  if (!ZSTD_isError(got) && got == out.size()) return {};
  return bad(pages_path, text("segment at byte ", segments[loaded], " does not decompress"), segments[loaded]);
}

// Stored pages from `first` on; the caller has checked that there are as many.
Result<void> ImageReader::State::read_stored(uint64_t first, std::span<std::byte> out) {
  while (!out.empty()) {
    CKPT_CHECK(load(first / format::kSegmentPages));
    const size_t whole = pages_in(loaded) * kPageBytes, skip = first % format::kSegmentPages * kPageBytes;
    const size_t bytes = std::min(whole - skip, out.size());
    if (bytes == whole) {
      CKPT_CHECK(unpack(out.first(whole)));
    } else {
      pages.resize(whole);
      if (!unpacked) CKPT_CHECK(unpack(pages));
      unpacked = true;
      std::memcpy(out.data(), pages.data() + skip, bytes);
    }
    out = out.subspan(bytes);
    first += bytes / kPageBytes;
  }
  return {};
}

// Memory that no run mentions: file copies and zeros. May span regions, all mapped.
Result<void> ImageReader::State::read_clean(uint64_t address, std::span<std::byte> out) {
  while (!out.empty()) {
    const Region* region = find_region(regions, address);
    const size_t bytes = std::min<uint64_t>(out.size(), region->end - address);
    if (region->has_copy())
      CKPT_CHECK(read_copy(*region, address, out.first(bytes)));
    else
      std::memset(out.data(), 0, bytes);
    address += bytes;
    out = out.subspan(bytes);
  }
  return {};
}

Result<void> ImageReader::State::read_copy(const Region& region, uint64_t address, std::span<std::byte> out) {
  FileHandle& copy = copies[region.file.hash];
  if (!copy) {
    CKPT_TRY(copy, open_copy(folder, region.file));
  }
  const uint64_t offset = region.file_offset + (address - region.start);
  CKPT_TRY(const size_t got, read_at(copy.get(), offset, out, folder + "/files/" + region.file.hash));
  std::memset(out.data() + got, 0, out.size() - got);  // behind the file's end
  return {};
}

ImageReader::ImageReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
ImageReader::ImageReader(ImageReader&&) noexcept = default;
ImageReader& ImageReader::operator=(ImageReader&&) noexcept = default;
ImageReader::~ImageReader() = default;

Result<ImageReader> ImageReader::open(const std::string& folder, uint32_t number) {
  auto state = std::make_unique<State>();
  state->folder = folder;
  state->path = text(folder, "/image-", number);
  state->pages_path = state->path + ".pages";
  CKPT_CHECK(state->read_manifest(number));
  CKPT_TRY(state->file, open_file(state->pages_path, O_RDONLY));
  return ImageReader(std::move(state));
}

const std::vector<Region>& ImageReader::regions() const {
  return state_->regions;
}
const std::vector<TaskContext>& ImageReader::tasks() const {
  return state_->tasks;
}
const std::vector<PageRun>& ImageReader::runs() const {
  return state_->runs;
}
std::span<const std::byte> ImageReader::agent_state() const {
  return state_->agent_state;
}
const Region* ImageReader::region_at(uint64_t address) const {
  return find_region(state_->regions, address);
}

Result<void> ImageReader::read(uint64_t address, std::span<std::byte> out) {
  CKPT_CHECK(check_pages(address, out.size(), 0));
  if (!state_->is_mapped(address, address + out.size()))
    return Error{.code = Code::fault,
                 .message = text(state_->path, ": not all of ", std::hex, address, "+", out.size(), " is mapped"),
                 .where = address};
  while (!out.empty()) {
    const PageRun* run = state_->run_from(address);
    const bool inside = run && run->address <= address;
    const uint64_t stop = inside ? run_end(*run) : run ? run->address : UINT64_MAX;
    const std::span<std::byte> now = out.first(std::min<uint64_t>(out.size(), stop - address));
    if (inside)
      CKPT_CHECK(read_run(*run, (address - run->address) / kPageBytes, now));
    else
      CKPT_CHECK(state_->read_clean(address, now));
    address += now.size();
    out = out.subspan(now.size());
  }
  return {};
}

Result<void> ImageReader::read_run(const PageRun& run, uint64_t skip, std::span<std::byte> out) {
  const uint64_t pages = out.size() / kPageBytes;
  if (out.size() % kPageBytes != 0 || skip > run.pages || pages > run.pages - skip)
    return Error{.code = Code::usage, .message = text(state_->path, ": run of ", run.pages, " pages has no such part")};
  if (run.source == PageSource::stored) {
    if (run.first_stored + skip > state_->stored || pages > state_->stored - run.first_stored - skip)
      return Error{.code = Code::usage, .message = text(state_->path, ": no such run")};
    return state_->read_stored(run.first_stored + skip, out);
  }
  std::fill(out.begin(), out.end(), std::byte{0});
  return {};
}

Result<std::optional<PageHash>> ImageReader::page_hash(uint64_t address) {
  const Region* region = region_at(address);
  if (!region || address % kPageBytes != 0)
    return Error{.code = Code::fault, .message = text(state_->path, ": no page ", std::hex, address), .where = address};
  const PageRun* run = state_->run_from(address);
  if (!run || run->address > address)
    return region->has_copy() ? std::optional<PageHash>() : std::optional<PageHash>(PageHash{});
  if (run->source == PageSource::zero) return std::optional<PageHash>(PageHash{});
  const uint64_t index = run->first_stored + (address - run->address) / kPageBytes;
  CKPT_CHECK(state_->load(index / format::kSegmentPages));
  PageHash hash;
  std::memcpy(&hash, state_->payload.data() + index % format::kSegmentPages * sizeof(hash), sizeof(hash));
  return std::optional<PageHash>(hash);
}

}  // namespace ckpt
