#include "trace/store/reader.h"

#include <fcntl.h>

#include <algorithm>

#include "trace/store/chunk_codec.h"
#include "trace/store/file_io.h"
#include "trace/store/format.h"
#include "trace/store/frame.h"
#include "trace/store/trace_info.h"
#include "trace/store/verify.h"

namespace ckpt {
namespace {

// zstd may add a little to what it cannot compress.
constexpr uint64_t kMaxStored = format::kMaxChunkMessageBytes + (1u << 20);

ChunkInfo make_info(const format::ChunkFrame& header, const FramePlace& place) {
  return {.offset = place.offset,
          .first = {header.first_event},
          .count = header.count,
          .raw_bytes = header.raw_bytes,
          .stored_bytes = static_cast<uint32_t>(place.end() - place.offset),
          .min_time_100us = header.min_time_100us,
          .max_time_100us = header.max_time_100us,
          .min_task = header.min_task,
          .max_task = header.max_task,
          .task_mask = header.task_mask,
          .kind_mask = header.kind_mask,
          .number_mask = header.number_mask};
}

// Says which chunk an error of its payload is about.
Error in_chunk(Error error, const std::string& path, const ChunkInfo& info) {
  if (error.code != Code::corrupt || error.message.starts_with(path)) return error;
  error.message = text(path, ": chunk at byte ", info.offset, ", events from ", info.first.value, ": ", error.message);
  error.where = info.offset;
  return error;
}

}  // namespace

struct Reader::State {
  std::string folder;
  std::string path;
  FileHandle file;
  TraceHeader header;
  std::optional<TraceEnd> end;
  std::vector<ChunkInfo> known;  // every whole chunk up to scan_offset
  uint64_t scan_offset = 0;
  uint64_t scan_event = 1;
  size_t next = 0;  // place in `known` of what next_chunk() gives
  bool cut = false;
  ChunkDecoder decoder;
  std::vector<std::byte> payload;

  Result<void> load_end();
  Result<bool> scan_one();
  Result<bool> scan_frame();
  Result<void> scan_all();
  Result<bool> check_last(const FramePlace& place);
  Result<format::ChunkFrame> load(const ChunkInfo& info);
  Result<ChunkView> decode(const ChunkInfo& info);
  void verify_chunks(VerifyReport& report);
};

Result<void> Reader::State::load_end() {
  if (end) return {};
  Result<TraceEnd> read = read_end(folder);
  if (read) end = std::move(read).value();
  if (!read && read.error().code != Code::not_found) return read.error();
  return {};
}

// Finds one more chunk; false at the present end of the file.
Result<bool> Reader::State::scan_one() {
  const bool had_end = end.has_value();
  CKPT_TRY(const bool found, scan_frame());
  if (found || had_end) return found;
  // The file may have grown and the recording ended since we looked: with an `end` look again,
  // and be strict.
  CKPT_CHECK(load_end());
  if (!end) return false;
  return scan_frame();
}

Result<bool> Reader::State::scan_frame() {
  format::ChunkFrame header;
  CKPT_TRY(const FramePlace place,
           read_frame_header(file.get(), scan_offset, format::Magic::chunk, header, kMaxStored, path));
  if (place.state != FrameState::whole) return check_last(place);
  CKPT_CHECK(check_chunk_header(header, path, scan_offset));
  if (header.first_event != scan_event)
    return Error{.code = Code::corrupt,
                 .message = text(path, ": chunk at byte ", scan_offset, " begins with event ", header.first_event,
                                 " instead of ", scan_event),
                 .where = scan_offset};
  cut = false;
  known.push_back(make_info(header, place));
  scan_offset = place.end();
  scan_event += header.count;
  return true;
}

// The file goes no further than `place`: fine for a trace without `end`.
Result<bool> Reader::State::check_last(const FramePlace& place) {
  if (!end) {
    cut = place.state == FrameState::cut;
    return false;
  }
  if (place.state == FrameState::cut || scan_event - 1 != end->events)
    return Error{.code = Code::corrupt,
                 .message = text(path, ": ends after event ", scan_event - 1, ", at byte ", scan_offset,
                                 "; the trace has ", end->events, " events"),
                 .where = scan_offset};
  return false;
}

Result<void> Reader::State::scan_all() {
  while (true) {
    CKPT_TRY(const bool found, scan_one());
    if (!found) return {};
  }
}

// Reads the payload of a chunk into `payload`.
Result<format::ChunkFrame> Reader::State::load(const ChunkInfo& info) {
  format::ChunkFrame header;
  CKPT_TRY(const FramePlace place,
           read_frame_header(file.get(), info.offset, format::Magic::chunk, header, kMaxStored, path));
  if (place.state != FrameState::whole || header.first_event != info.first.value || header.count != info.count)
    return Error{.code = Code::corrupt,
                 .message = text(path, ": no chunk of event ", info.first.value, " at byte ", info.offset),
                 .where = info.offset};
  CKPT_CHECK(check_chunk_header(header, path, info.offset));
  CKPT_CHECK(read_frame_payload(file.get(), place, payload, path));
  return header;
}

Result<ChunkView> Reader::State::decode(const ChunkInfo& info) {
  CKPT_TRY(const format::ChunkFrame header, load(info));
  auto data = std::make_shared<ChunkView::Data>();
  data->info = info;
  data->storage = std::make_unique_for_overwrite<std::byte[]>(header.raw_bytes);
  const std::span<std::byte> events(data->storage.get(), header.raw_bytes);
  data->events = events;
  const Result<void> decoded = decoder.events(header, payload, events, data->offsets);
  if (!decoded) return in_chunk(decoded.error(), path, info);
  return ChunkView(std::move(data));
}

void Reader::State::verify_chunks(VerifyReport& report) {
  const Result<void> scanned = scan_all();
  for (const ChunkInfo& info : known) {
    const Result<ChunkView> chunk = decode(info);
    report.chunks++;
    report.checked_bytes += info.stored_bytes;
    if (chunk)
      report.events += info.count;
    else
      report.problems.push_back({"events", info.offset, chunk.error().message});
  }
  if (!scanned) report.problems.push_back({"events", scanned.error().where, scanned.error().message});
}

Reader::Reader(std::unique_ptr<State> state) : state_(std::move(state)) {}
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;
Reader::~Reader() = default;

Result<Reader> Reader::open(const std::string& folder) {
  auto state = std::make_unique<State>();
  state->folder = folder;
  state->path = folder + "/events";
  CKPT_TRY(state->header, read_header(folder));
  CKPT_TRY(state->file, open_file(state->path, O_RDONLY));
  CKPT_TRY([[maybe_unused]] const uint64_t bytes, regular_file_bytes(state->file.get(), state->path));
  return Reader(std::move(state));
}

const std::string& Reader::folder() const {
  return state_->folder;
}
const TraceHeader& Reader::header() const {
  return state_->header;
}
bool Reader::cut() const {
  return state_->cut;
}

Result<std::optional<TraceEnd>> Reader::end() {
  CKPT_CHECK(state_->load_end());
  return state_->end;
}

Result<std::optional<ChunkView>> Reader::next_chunk() {
  if (state_->next >= state_->known.size()) {
    CKPT_TRY(const bool found, state_->scan_one());
    if (!found) return std::optional<ChunkView>();
  }
  CKPT_TRY(ChunkView view, state_->decode(state_->known[state_->next]));
  state_->next++;
  return std::optional<ChunkView>(std::move(view));
}

Result<void> Reader::seek(EventNumber number) {
  Result<bool> more = true;
  while (number.value >= state_->scan_event && more && *more) more = state_->scan_one();
  if (number.value >= state_->scan_event && !more) return more.error();
  if (number.value == 0 || number.value > state_->scan_event)
    return Error{.code = Code::not_found,
                 .message = text(state_->folder, ": no event ", number.value, "; it has ", state_->scan_event - 1)};
  const auto after = std::upper_bound(state_->known.begin(), state_->known.end(), number.value,
                                      [](uint64_t value, const ChunkInfo& info) { return value < info.first.value; });
  state_->next = static_cast<size_t>(after - state_->known.begin());
  if (number.value < state_->scan_event) state_->next--;
  return {};
}

Result<std::vector<ChunkInfo>> Reader::chunks() {
  const Result<void> scanned = state_->scan_all();
  if (!scanned && scanned.error().code == Code::io) return scanned.error();
  return state_->known;
}

Result<uint64_t> Reader::events() {
  const Result<void> scanned = state_->scan_all();
  if (!scanned && scanned.error().code == Code::io) return scanned.error();
  return state_->scan_event - 1;
}

Result<ChunkView> Reader::read_chunk(const ChunkInfo& info) {
  return state_->decode(info);
}

Result<ChunkColumns> Reader::read_columns(const ChunkInfo& info) {
  CKPT_TRY(const format::ChunkFrame header, state_->load(info));
  const Result<const Columns*> columns = state_->decoder.columns(header, state_->payload);
  if (!columns) return in_chunk(columns.error(), state_->path, info);
  const Columns& from = *columns.value();
  const Result<std::vector<uint16_t>> shapes = decode_shapes(from, info.count);
  if (!shapes) return in_chunk(shapes.error(), state_->path, info);
  Result<std::vector<uint32_t>> tasks = decode_runs(from.tasks, info.count, "tasks");
  if (!tasks) return in_chunk(tasks.error(), state_->path, info);
  Result<std::vector<uint32_t>> times = decode_runs(from.times, info.count, "times");
  if (!times) return in_chunk(times.error(), state_->path, info);
  ChunkColumns to{.info = info,
                  .kinds = std::vector<abi::EventKind>(info.count),
                  .numbers = std::vector<uint16_t>(info.count),
                  .tasks = std::move(tasks).value(),
                  .times_100us = std::move(times).value()};
  for (uint32_t i = 0; i < info.count; i++) {
    const uint32_t word = from.shapes[shapes.value()[i]][0];
    to.kinds[i] = static_cast<abi::EventKind>(word & 0xff);
    to.numbers[i] = static_cast<uint16_t>(word >> 16);
  }
  return to;
}

Result<VerifyReport> Reader::verify() {
  VerifyReport report;
  const Result<void> ended = state_->load_end();
  if (!ended) report.problems.push_back({"end", ended.error().where, ended.error().message});
  state_->verify_chunks(report);
  report.complete = state_->end.has_value();
  report.cut = state_->cut;
  CKPT_CHECK(verify_memory(state_->folder, report));
  return report;
}

}  // namespace ckpt
