// hashes-N: frames of hashes, then the message that lists the regions.
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cstring>

#include "ckpt/manifest.h"
#include "ckpt/page_hash.h"
#include "trace/store/file_io.h"
#include "trace/store/format.h"
#include "trace/store/frame.h"
#include "trace/store/message_file.h"

namespace ckpt {
namespace {

constexpr uint64_t kMaxPayload = format::kHashBlockPages * (sizeof(PageHash) + 16);

Error bad(const std::string& path, const std::string& why, uint64_t where) {
  return Error{.code = Code::corrupt, .message = text(path, ": ", why), .where = where};
}

std::string file_name(const std::string& folder, uint32_t number) {
  return text(folder, "/hashes-", number);
}

}  // namespace

struct FinalHashWriter::State {
  std::string path;
  std::string begun;  // what the file is called until it is whole
  FileHandle file;
  uint32_t number = 0;
  uint64_t offset = 0;
  uint64_t pages = 0;
  uint64_t least = 0;  // the next page may not be before this
  std::vector<Region> regions;
  std::vector<uint64_t> runs;  // address, pages
  std::vector<PageHash> hashes;

  ~State() {
    if (file) ::unlink(begun.c_str());
  }
  Result<void> add(uint64_t address, PageHash hash);
  Result<void> write_block();
};

Result<void> FinalHashWriter::State::add(uint64_t address, PageHash hash) {
  if (hash.is_zero_page()) return {};
  if (runs.empty() || runs[runs.size() - 2] + runs.back() * kPageBytes != address)
    runs.insert(runs.end(), {address, 0});
  runs.back()++;
  hashes.push_back(hash);
  pages++;
  return hashes.size() == format::kHashBlockPages ? write_block() : Result<void>();
}

Result<void> FinalHashWriter::State::write_block() {
  if (hashes.empty()) return {};
  const size_t run_bytes = runs.size() * sizeof(uint64_t), hash_bytes = hashes.size() * sizeof(PageHash);
  std::vector<std::byte> frame(sizeof(format::HashFrame) + run_bytes + hash_bytes);
  const format::HashFrame header{
      .frame = {}, .runs = static_cast<uint32_t>(runs.size() / 2), .pages = static_cast<uint32_t>(hashes.size())};
  std::memcpy(frame.data(), &header, sizeof(header));
  std::memcpy(frame.data() + sizeof(header), runs.data(), run_bytes);
  std::memcpy(frame.data() + sizeof(header) + run_bytes, hashes.data(), hash_bytes);
  seal_frame(frame, format::Magic::hashes, sizeof(header), run_bytes + hash_bytes);
  CKPT_CHECK(write_at(file.get(), offset, frame, begun));
  offset += frame.size();
  runs.clear();
  hashes.clear();
  return {};
}

FinalHashWriter::FinalHashWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
FinalHashWriter::FinalHashWriter(FinalHashWriter&&) noexcept = default;
FinalHashWriter& FinalHashWriter::operator=(FinalHashWriter&&) noexcept = default;
FinalHashWriter::~FinalHashWriter() = default;

uint64_t FinalHashWriter::pages() const {
  return state_->pages;
}

Result<FinalHashWriter> FinalHashWriter::create(const std::string& folder, uint32_t number) {
  auto state = std::make_unique<State>();
  state->path = file_name(folder, number);
  state->begun = state->path + ".part";
  state->number = number;
  CKPT_TRY(state->file, open_file(state->begun, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  return FinalHashWriter(std::move(state));
}

Result<void> FinalHashWriter::add_region(const Region& region) {
  CKPT_CHECK(check_region(state_->regions, region));
  state_->regions.push_back(region);
  return {};
}

Result<void> FinalHashWriter::add_pages(uint64_t address, std::span<const std::byte> pages) {
  CKPT_CHECK(check_pages(address, pages.size(), state_->least));
  for (size_t at = 0; at < pages.size(); at += kPageBytes)
    CKPT_CHECK(state_->add(address + at, hash_page(pages.subspan(at, kPageBytes))));
  state_->least = address + pages.size();
  return {};
}

Result<void> FinalHashWriter::finish() {
  State& state = *state_;
  CKPT_CHECK(state.write_block());
  const Result<std::vector<std::byte>> frame = catching(state.path, [&]() -> Result<std::vector<std::byte>> {
    capnp::MallocMessageBuilder message;
    auto hashes = message.initRoot<schema::Hashes>();
    hashes.setNumber(state.number);
    hashes.setPages(state.pages);
    put_regions(hashes.initRegions(static_cast<unsigned>(state.regions.size())), state.regions);
    return frame_message(message, format::MessageKind::hashes, state.path);
  });
  if (!frame) return frame.error();
  CKPT_CHECK(write_at(state.file.get(), state.offset, frame.value(), state.begun));
  if (::rename(state.begun.c_str(), state.path.c_str()) != 0) return io_error(text("rename ", state.begun));
  state.file.reset();
  return {};
}

namespace {

// The runs and hashes of one block, added to `hashes`.
Result<void> read_block(const format::HashFrame& header, std::span<const std::byte> payload, const std::string& path,
                        uint64_t offset, PageHashes& hashes) {
  const uint64_t run_bytes = uint64_t{header.runs} * 16;
  if (header.pages > format::kHashBlockPages || payload.size() != run_bytes + uint64_t{header.pages} * sizeof(PageHash))
    return bad(path, text("block at byte ", offset, " has a wrong length"), offset);
  const std::byte* next = payload.data() + run_bytes;
  uint64_t left = header.pages;
  for (uint32_t i = 0; i < header.runs; i++) {
    uint64_t run[2];
    std::memcpy(run, payload.data() + uint64_t{i} * 16, sizeof(run));
    if (run[1] > left) return bad(path, text("block at byte ", offset, " has too long a run"), offset);
    for (uint64_t page = 0; page < run[1]; page++, next += sizeof(PageHash)) {
      PageHash hash;
      std::memcpy(&hash, next, sizeof(hash));
      const Result<void> added = hashes.add_hash(run[0] + page * kPageBytes, hash);
      if (!added || hash.is_zero_page()) return bad(path, text("block at byte ", offset, " has a bad page"), offset);
    }
    left -= run[1];
  }
  if (left != 0) return bad(path, text("block at byte ", offset, " has hashes without a run"), offset);
  return {};
}

// Reads blocks as long as there are; gives the offset after them.
Result<uint64_t> read_blocks(int fd, const std::string& path, PageHashes& hashes) {
  std::vector<std::byte> payload;
  for (uint64_t offset = 0;;) {
    format::Magic magic{};
    CKPT_TRY([[maybe_unused]] const size_t got,
             read_at(fd, offset, std::as_writable_bytes(std::span(&magic, 1)), path));
    if (magic != format::Magic::hashes) return offset;
    format::HashFrame header;
    CKPT_TRY(const FramePlace place, read_frame_header(fd, offset, magic, header, kMaxPayload, path));
    if (place.state != FrameState::whole) return bad(path, "the file is cut", offset);
    CKPT_CHECK(read_frame_payload(fd, place, payload, path));
    CKPT_CHECK(read_block(header, payload, path, offset, hashes));
    offset = place.end();
  }
}

}  // namespace

Result<PageHashes> read_page_hashes(const std::string& folder, uint32_t number) {
  const std::string path = file_name(folder, number);
  CKPT_TRY(const FileHandle file, open_file(path, O_RDONLY));
  PageHashes hashes;
  CKPT_TRY(const uint64_t offset, read_blocks(file.get(), path, hashes));
  uint64_t end = 0;
  CKPT_TRY(const MessageBytes message, read_message(file.get(), offset, format::MessageKind::hashes, path, end));
  CKPT_CHECK(message.read<schema::Hashes>(path, [&](schema::Hashes::Reader root) -> Result<void> {
    if (root.getNumber() != number || root.getPages() != hashes.pages())
      return bad(path, text(hashes.pages(), " hashes do not fit the list's end"), offset);
    CKPT_TRY(const std::vector<Region> regions, get_regions(root.getRegions(), path));
    for (const Region& region : regions) CKPT_CHECK(hashes.add_region(region));
    return {};
  }));
  return hashes;
}

}  // namespace ckpt
