#include "trace/store/chunk_codec.h"

#include <cstring>

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <zstd.h>

#include "schemas/chunk.capnp.h"
#include "trace/base/assert.h"
#include "trace/store/event_view.h"
#include "trace/store/frame.h"
#include "trace/store/message_file.h"

namespace ckpt {
namespace {

// Measured in FORMAT.md: level 1 keeps up with the program, level 3 saves under a tenth more.
constexpr int kLevel = 1;
const char kName[] = "chunk";

capnp::Data::Reader as_data(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size()};
}
std::span<const std::byte> as_span(capnp::Data::Reader data) {
  return {reinterpret_cast<const std::byte*>(data.begin()), data.size()};
}

// Words the message will take, so that it is built in one segment.
size_t message_words(const Columns& columns) {
  size_t bytes = 4096;
  for (std::span<const uint32_t> shape : columns.shapes) bytes += 32 + 4 * shape.size();
  for (std::span<const std::byte> column : columns.args) bytes += column.size() + 16;
  for (std::span<const std::byte> column :
       {columns.shape_of, columns.changed, columns.tasks, columns.times, columns.results, columns.parts,
        columns.addresses, columns.lengths, columns.words, columns.bytes})
    bytes += column.size() + 16;
  return bytes / 8;
}

void build_message(const Columns& columns, schema::Chunk::Builder chunk) {
  auto shapes = chunk.initShapes(static_cast<unsigned>(columns.shapes.size()));
  for (unsigned i = 0; i < shapes.size(); i++) {
    const std::span<const uint32_t> words = columns.shapes[i];
    auto shape = shapes[i];
    shape.setKind(static_cast<uint8_t>(words[0]));
    shape.setArgs(static_cast<uint8_t>(words[0] >> 8));
    shape.setNumber(static_cast<uint16_t>(words[0] >> 16));
    if (words.size() == 1) continue;
    auto parts = shape.initParts(static_cast<unsigned>(words.size() - 1));
    for (unsigned k = 0; k < parts.size(); k++) parts.set(k, words[k + 1]);
  }
  chunk.setShapeOf(as_data(columns.shape_of));
  chunk.setChanged(as_data(columns.changed));
  chunk.setTasks(as_data(columns.tasks));
  chunk.setTimes(as_data(columns.times));
  chunk.setResults(as_data(columns.results));
  auto args = chunk.initArgs(format::kArgStreams);
  for (unsigned i = 0; i < args.size(); i++) args.set(i, as_data(columns.args[i]));
  chunk.setParts(as_data(columns.parts));
  chunk.setAddresses(as_data(columns.addresses));
  chunk.setLengths(as_data(columns.lengths));
  chunk.setWords(as_data(columns.words));
  chunk.setBytes(as_data(columns.bytes));
}

// The message's columns, and the words of its shapes in `words`.
Result<void> read_message(schema::Chunk::Reader chunk, std::vector<uint32_t>& words, Columns& columns) {
  const auto shapes = chunk.getShapes();
  if (shapes.size() > format::kMaxShapes)
    return Error{.code = Code::corrupt, .message = text("chunk with ", shapes.size(), " shapes")};
  std::vector<size_t> starts;
  for (auto shape : shapes) {
    starts.push_back(words.size());
    words.push_back(shape.getKind() | uint32_t{shape.getArgs()} << 8 | uint32_t{shape.getNumber()} << 16);
    for (uint32_t part : shape.getParts()) words.push_back(part);
  }
  starts.push_back(words.size());
  for (size_t i = 0; i + 1 < starts.size(); i++)
    columns.shapes.emplace_back(words.data() + starts[i], starts[i + 1] - starts[i]);
  columns.shape_of = as_span(chunk.getShapeOf());
  columns.changed = as_span(chunk.getChanged());
  columns.tasks = as_span(chunk.getTasks());
  columns.times = as_span(chunk.getTimes());
  columns.results = as_span(chunk.getResults());
  const auto args = chunk.getArgs();
  if (args.size() != format::kArgStreams)
    return Error{.code = Code::corrupt, .message = text("chunk with ", args.size(), " argument streams")};
  for (unsigned i = 0; i < args.size(); i++) columns.args[i] = as_span(args[i]);
  columns.parts = as_span(chunk.getParts());
  columns.addresses = as_span(chunk.getAddresses());
  columns.lengths = as_span(chunk.getLengths());
  columns.words = as_span(chunk.getWords());
  columns.bytes = as_span(chunk.getBytes());
  return {};
}

}  // namespace

struct ChunkEncoder::State {
  ColumnEncoder columns;
  // The serialised message: segment table, then the one segment. Zero when no message is in it.
  std::vector<uint64_t> message;
  std::vector<std::byte> frame;
  std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> zstd{ZSTD_createCCtx(), ZSTD_freeCCtx};

  Result<size_t> compress(std::span<const std::byte> message);
  Result<size_t> build_and_compress(uint32_t& message_bytes);
};

ChunkEncoder::ChunkEncoder() : state_(std::make_unique<State>()) {}
ChunkEncoder::~ChunkEncoder() = default;
ChunkEncoder::ChunkEncoder(ChunkEncoder&&) noexcept = default;
ChunkEncoder& ChunkEncoder::operator=(ChunkEncoder&&) noexcept = default;

// Into `frame`, behind the room for its header. Gives the compressed bytes.
Result<size_t> ChunkEncoder::State::compress(std::span<const std::byte> raw) {
  const size_t bound = ZSTD_compressBound(raw.size());
  if (frame.size() < sizeof(format::ChunkFrame) + bound + 8) frame.resize(sizeof(format::ChunkFrame) + bound + 8);
  std::byte* const payload = frame.data() + sizeof(format::ChunkFrame);
  const size_t stored = ZSTD_compressCCtx(zstd.get(), payload, bound, raw.data(), raw.size(), kLevel);
  if (ZSTD_isError(stored)) return Error{.code = Code::limit, .message = ZSTD_getErrorName(stored)};
  std::memset(payload + stored, 0, 8);
  return stored;
}

// Builds the message in memory kept from chunk to chunk: fresh pages for each would cost more
// than the encoding. The builder zeroes what it used when it goes.
Result<size_t> ChunkEncoder::State::build_and_compress(uint32_t& message_bytes) {
  const size_t words = message_words(columns.columns());
  if (message.size() < words + 1) message.resize(words + 1);
  auto* const segment = reinterpret_cast<capnp::word*>(message.data() + 1);
  capnp::MallocMessageBuilder builder(kj::arrayPtr(segment, message.size() - 1));
  build_message(columns.columns(), builder.initRoot<schema::Chunk>());
  const auto segments = builder.getSegmentsForOutput();
  CKPT_ASSERT(segments.size() == 1 && segments[0].begin() == segment, segments.size());
  message[0] = uint64_t{segments[0].size()} << 32;  // one segment, of so many words
  const auto raw = std::as_bytes(std::span(message).first(segments[0].size() + 1));
  if (raw.size() > format::kMaxChunkMessageBytes)
    return Error{.code = Code::limit, .message = text("chunk message of ", raw.size(), " bytes")};
  message_bytes = static_cast<uint32_t>(raw.size());
  return compress(raw);
}

Result<EncodedChunk> ChunkEncoder::encode(std::span<const std::byte> events, uint64_t first_event) {
  const EventSummary summary = state_->columns.encode(events);
  CKPT_ASSERT(summary.count > 0, events.size());
  uint32_t message_bytes = 0;
  CKPT_TRY(const size_t stored,
           catching(kName, [&]() -> Result<size_t> { return state_->build_and_compress(message_bytes); }));
  const format::ChunkFrame header{.frame = {},
                                  .first_event = first_event,
                                  .count = summary.count,
                                  .raw_bytes = summary.raw_bytes,
                                  .message_bytes = message_bytes,
                                  .min_time_100us = summary.min_time_100us,
                                  .max_time_100us = summary.max_time_100us,
                                  .min_task = summary.min_task,
                                  .max_task = summary.max_task,
                                  .reserved = 0,
                                  .task_mask = summary.task_mask,
                                  .kind_mask = summary.kind_mask,
                                  .number_mask = summary.number_mask};
  std::memcpy(state_->frame.data(), &header, sizeof(header));
  const std::span<std::byte> frame(state_->frame.data(), sizeof(header) + format::padded(stored));
  seal_frame(frame, format::Magic::chunk, sizeof(header), stored);
  return EncodedChunk{.frame = frame, .summary = summary};
}

Result<void> check_chunk_header(const format::ChunkFrame& header, const std::string& path, uint64_t offset) {
  const char* wrong = nullptr;
  if (header.count == 0) wrong = "no events";
  if (header.raw_bytes > format::kMaxChunkRawBytes || header.raw_bytes % 8 != 0) wrong = "bad length of events";
  if (header.count > header.raw_bytes / sizeof(abi::EventHeader)) wrong = "more events than bytes for them";
  if (header.message_bytes > format::kMaxChunkMessageBytes || header.message_bytes % 8 != 0 ||
      header.message_bytes == 0)
    wrong = "bad length of message";
  if (header.first_event == 0 || header.first_event > UINT64_MAX - header.count) wrong = "bad number of first event";
  if (!wrong) return {};
  return Error{.code = Code::corrupt, .message = text(path, ": chunk at byte ", offset, ": ", wrong), .where = offset};
}

struct ChunkDecoder::State {
  std::vector<uint64_t> message;
  std::vector<uint32_t> shape_words;
  Columns columns;
  std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> zstd{ZSTD_createDCtx(), ZSTD_freeDCtx};
};

ChunkDecoder::ChunkDecoder() : state_(std::make_unique<State>()) {}
ChunkDecoder::~ChunkDecoder() = default;
ChunkDecoder::ChunkDecoder(ChunkDecoder&&) noexcept = default;
ChunkDecoder& ChunkDecoder::operator=(ChunkDecoder&&) noexcept = default;

Result<const Columns*> ChunkDecoder::columns(const format::ChunkFrame& header, std::span<const std::byte> payload) {
  State& state = *state_;
  state.message.resize(header.message_bytes / 8);
  const size_t got =
      ZSTD_decompressDCtx(state.zstd.get(), state.message.data(), header.message_bytes, payload.data(), payload.size());
  if (ZSTD_isError(got) || got != header.message_bytes)
    return Error{.code = Code::corrupt, .message = "chunk does not decompress to its length"};
  return catching(kName, [&]() -> Result<const Columns*> {
    capnp::ReaderOptions options;
    options.traversalLimitInWords = 2 * state.message.size() + 1024;
    options.nestingLimit = 8;
    capnp::FlatArrayMessageReader reader(
        kj::arrayPtr(reinterpret_cast<const capnp::word*>(state.message.data()), state.message.size()), options);
    state.columns = Columns{};
    state.shape_words.clear();
    CKPT_CHECK(read_message(reader.getRoot<schema::Chunk>(), state.shape_words, state.columns));
    return static_cast<const Columns*>(&state.columns);
  });
}

Result<void> ChunkDecoder::events(const format::ChunkFrame& header, std::span<const std::byte> payload,
                                  std::span<std::byte> out, std::vector<uint32_t>& offsets) {
  CKPT_ASSERT(out.size() == header.raw_bytes, out.size());
  CKPT_TRY(const Columns* columns, this->columns(header, payload));
  CKPT_CHECK(decode_events(*columns, header.count, out, offsets));
  CKPT_CHECK(validate_events(out));
  EventSummary summary;
  for (EventView event : EventRange(out)) summary.add(event.header());
  const EventSummary said{.count = header.count,
                          .raw_bytes = header.raw_bytes,
                          .min_time_100us = header.min_time_100us,
                          .max_time_100us = header.max_time_100us,
                          .min_task = header.min_task,
                          .max_task = header.max_task,
                          .task_mask = header.task_mask,
                          .kind_mask = header.kind_mask,
                          .number_mask = header.number_mask};
  if (summary != said) return Error{.code = Code::corrupt, .message = "chunk header does not fit its events"};
  return {};
}

}  // namespace ckpt
