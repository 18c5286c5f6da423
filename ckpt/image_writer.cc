#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include <zstd.h>

#include "ckpt/image.h"
#include "ckpt/manifest.h"
#include "schemas/image.capnp.h"
#include "trace/store/file_io.h"
#include "trace/store/format.h"
#include "trace/store/frame.h"
#include "trace/store/message_file.h"

namespace ckpt {
namespace {

// The program waits while checkpoint 0 is taken.
constexpr int kLevel = 1;
constexpr size_t kSegmentBytes = format::kSegmentPages * kPageBytes;

capnp::Data::Reader as_data(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size()};
}

void put_task(schema::Task::Builder to, const TaskContext& from) {
  to.setTask(from.task);
  to.setTid(from.tid);
  auto registers = to.initRegisters(reg::kCount);
  for (unsigned i = 0; i < reg::kCount; i++) registers.set(i, from.registers[i]);
  to.setFsBase(from.fs_base);
  to.setGsBase(from.gs_base);
  to.setSignalMask(from.signal_mask);
  to.setXsave(as_data(from.xsave));
  to.setAgentState(as_data(from.agent_state));
}

}  // namespace

struct ImageWriter::State {
  std::string path;  // image-N
  std::string pages_path;
  FileHandle file;
  uint32_t number = 0;
  uint64_t offset = 0;
  uint64_t stored = 0;
  uint64_t zeros = 0;
  uint64_t least = 0;  // the next page may not be before this
  std::vector<Region> regions;
  std::vector<PageRun> runs;
  std::vector<uint64_t> segments;
  std::vector<std::byte> pages;  // of the segment begun
  std::vector<PageHash> hashes;  // of its pages
  std::vector<std::byte> frame;

  ~State() {
    if (file) ::unlink(pages_path.c_str());
  }
  Result<void> add_page(const Region& region, uint64_t address, std::span<const std::byte> page);
  void add_to_run(uint64_t address, PageSource source, uint64_t first);
  Result<void> write_segment();
  Result<void> write_manifest(std::span<const TaskContext> tasks, std::span<const std::byte> agent_state);
};

void ImageWriter::State::add_to_run(uint64_t address, PageSource source, uint64_t first) {
  if (runs.empty() || runs.back().source != source || runs.back().address + runs.back().pages * kPageBytes != address)
    runs.push_back({.address = address, .pages = 0, .source = source, .first_stored = first});
  runs.back().pages++;
}

Result<void> ImageWriter::State::add_page(const Region& region, uint64_t address, std::span<const std::byte> page) {
  const PageHash hash = hash_page(page);
  if (hash.is_zero_page()) {
    zeros++;
    // Elsewhere a page that is not mentioned is zero.
    if (region.has_copy()) add_to_run(address, PageSource::zero, 0);
    return {};
  }
  add_to_run(address, PageSource::stored, stored);
  hashes.push_back(hash);
  pages.insert(pages.end(), page.begin(), page.end());
  stored++;
  return pages.size() == kSegmentBytes ? write_segment() : Result<void>();
}

Result<void> ImageWriter::State::write_segment() {
  if (hashes.empty()) return {};
  const size_t hash_bytes = hashes.size() * sizeof(PageHash);
  const size_t before = sizeof(format::SegmentFrame) + hash_bytes;
  frame.resize(before + ZSTD_compressBound(pages.size()) + 8);
  const size_t packed =
      ZSTD_compress(frame.data() + before, ZSTD_compressBound(pages.size()), pages.data(), pages.size(), kLevel);
  if (ZSTD_isError(packed)) return Error{.code = Code::limit, .message = text(path, ": ", ZSTD_getErrorName(packed))};
  std::memset(frame.data() + before + packed, 0, 8);
  const format::SegmentFrame header{.frame = {},
                                    .first_stored = stored - hashes.size(),
                                    .pages = static_cast<uint32_t>(hashes.size()),
                                    .reserved = 0};
  std::memcpy(frame.data(), &header, sizeof(header));
  std::memcpy(frame.data() + sizeof(header), hashes.data(), hash_bytes);
  const std::span<std::byte> whole(frame.data(), sizeof(header) + format::padded(hash_bytes + packed));
  seal_frame(whole, format::Magic::segment, sizeof(header), hash_bytes + packed);
  CKPT_CHECK(write_at(file.get(), offset, whole, pages_path));
  segments.push_back(offset);
  offset += whole.size();
  pages.clear();
  hashes.clear();
  return {};
}

Result<void> ImageWriter::State::write_manifest(std::span<const TaskContext> tasks,
                                                std::span<const std::byte> agent_state) {
  return catching(path, [&]() -> Result<void> {
    capnp::MallocMessageBuilder message;
    auto image = message.initRoot<schema::Image>();
    image.setNumber(number);
    image.setStoredPages(stored);
    put_regions(image.initRegions(static_cast<unsigned>(regions.size())), regions);
    auto run_list = image.initRuns(static_cast<unsigned>(runs.size()));
    for (unsigned i = 0; i < run_list.size(); i++) {
      run_list[i].setAddress(runs[i].address);
      run_list[i].setPages(runs[i].pages);
      run_list[i].setSource(static_cast<uint8_t>(runs[i].source));
      run_list[i].setFirst(runs[i].first_stored);
    }
    auto segment_list = image.initSegments(static_cast<unsigned>(segments.size()));
    for (unsigned i = 0; i < segment_list.size(); i++) segment_list.set(i, segments[i]);
    auto task_list = image.initTasks(static_cast<unsigned>(tasks.size()));
    for (unsigned i = 0; i < task_list.size(); i++) put_task(task_list[i], tasks[i]);
    image.setAgentState(as_data(agent_state));
    return write_message_file(path, message, format::MessageKind::image);
  });
}

ImageWriter::ImageWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
ImageWriter::ImageWriter(ImageWriter&&) noexcept = default;
ImageWriter& ImageWriter::operator=(ImageWriter&&) noexcept = default;
ImageWriter::~ImageWriter() = default;

uint64_t ImageWriter::pages() const {
  return state_->stored;
}
uint64_t ImageWriter::zero_pages() const {
  return state_->zeros;
}
uint64_t ImageWriter::stored_bytes() const {
  return state_->offset;
}

Result<ImageWriter> ImageWriter::create(const std::string& folder, uint32_t number) {
  auto state = std::make_unique<State>();
  state->path = text(folder, "/image-", number);
  state->pages_path = state->path + ".pages";
  state->number = number;
  CKPT_TRY(state->file, open_file(state->pages_path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  state->pages.reserve(kSegmentBytes);
  return ImageWriter(std::move(state));
}

Result<void> ImageWriter::add_region(const Region& region) {
  CKPT_CHECK(check_region(state_->regions, region));
  if (state_->regions.size() == format::kMaxRegions)
    return Error{.code = Code::limit, .message = text(state_->path, ": too many regions")};
  state_->regions.push_back(region);
  return {};
}

Result<void> ImageWriter::add_pages(uint64_t address, std::span<const std::byte> pages) {
  State& state = *state_;
  CKPT_CHECK(check_pages(address, pages.size(), state.least));
  const Region* region = nullptr;
  for (size_t at = 0; at < pages.size(); at += kPageBytes) {
    if (!region || address + at >= region->end) region = find_region(state.regions, address + at);
    if (!region)
      return Error{.code = Code::usage,
                   .message = text(state.path, ": page ", std::hex, address + at, " is in no region"),
                   .where = address + at};
    CKPT_CHECK(state.add_page(*region, address + at, pages.subspan(at, kPageBytes)));
  }
  state.least = address + pages.size();
  return {};
}

Result<void> ImageWriter::finish(std::span<const TaskContext> tasks, std::span<const std::byte> agent_state) {
  if (tasks.size() > format::kMaxTasks)
    return Error{.code = Code::limit, .message = text(state_->path, ": too many tasks")};
  CKPT_CHECK(state_->write_segment());
  CKPT_CHECK(state_->write_manifest(tasks, agent_state));
  state_->file.reset();
  return {};
}

}  // namespace ckpt
