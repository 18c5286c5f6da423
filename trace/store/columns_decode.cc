#include "trace/store/columns.h"

#include <algorithm>

#include "trace/store/forecast.h"

namespace ckpt {
namespace {

Error bad(const std::string& what) {
  return Error{.code = Code::corrupt, .message = text("chunk columns: ", what)};
}

// Rebuilds one event after another into `out`. What it has written is always whole, valid
// events, so the forecast may look at them without checks.
class EventDecoder final {
 public:
  EventDecoder(const Columns& columns, std::span<std::byte> out)
      : columns_(columns),
        out_(out),
        changed_(columns.changed),
        results_(columns.results),
        parts_(columns.parts),
        addresses_(columns.addresses),
        lengths_(columns.lengths),
        words_(columns.words),
        bytes_(columns.bytes),
        args_{ColumnReader(columns.args[0]), ColumnReader(columns.args[1]), ColumnReader(columns.args[2]),
              ColumnReader(columns.args[3]), ColumnReader(columns.args[4]), ColumnReader(columns.args[5]),
              ColumnReader(columns.args[6])},
        forecast_(std::make_unique<Forecast>()) {
    forecast_->reset();
  }

  // What is wrong, or a null pointer.
  const char* decode(uint16_t shape, uint32_t task, uint32_t time_100us);
  Result<void> finish() const;
  size_t used() const { return used_; }

 private:
  uint64_t decode_args(uint8_t mask, uint16_t shape, size_t count);
  bool decode_part(uint32_t word, EventView event, const std::byte* was, const PartView& old, size_t& at);
  bool decode_bytes(uint8_t code, uint32_t word, std::span<std::byte> now, const PartView& old);
  bool any_bad() const;

  const Columns& columns_;
  std::span<std::byte> out_;
  size_t used_ = 0;
  ColumnReader changed_, results_, parts_, addresses_, lengths_, words_, bytes_;
  ColumnReader args_[format::kArgStreams];
  std::unique_ptr<Forecast> forecast_;
  const std::byte* was_ = nullptr;  // the forecast event of the one being decoded
};

// Writes the arguments after the header and picks the forecast event. Gives argument 0.
uint64_t EventDecoder::decode_args(uint8_t mask, uint16_t shape, size_t count) {
  auto* now = reinterpret_cast<uint64_t*>(out_.data() + used_ + sizeof(abi::EventHeader));
  const std::byte* last = forecast_->last(shape, out_.data());
  uint64_t arg0 = 0;
  if (count > 0) {
    arg0 = last ? EventView(last).arg(0) : 0;
    if (mask & 2) arg0 += unzigzag(args_[0].varint());
    now[0] = arg0;
  }
  was_ = forecast_->nearest(shape, arg0, out_.data());
  for (size_t i = 1; i < count; i++) {
    const size_t stream = std::min<size_t>(i, format::kArgStreams - 1);
    now[i] = was_ ? EventView(was_).args()[i] : 0;
    if (mask >> (stream + 1) & 1) now[i] += unzigzag(args_[stream].varint());
  }
  return arg0;
}

bool EventDecoder::decode_bytes(uint8_t code, uint32_t word, std::span<std::byte> now, const PartView& old) {
  if (now.empty()) return true;
  switch (static_cast<format::Kept>(code & format::kPartKept)) {
    case format::Kept::raw: {
      const std::span<const std::byte> bytes = bytes_.take(now.size());
      if (bytes.size() != now.size()) return false;
      std::memcpy(now.data(), bytes.data(), now.size());
      return true;
    }
    case format::Kept::same:
      if (old.bytes.size() != now.size()) return false;
      std::memcpy(now.data(), old.bytes.data(), now.size());
      return true;
    case format::Kept::words:
      if (!words_fit(word, static_cast<uint32_t>(now.size()), static_cast<uint32_t>(old.bytes.size()))) return false;
      for (size_t i = 0; i < now.size(); i += 8) {
        uint64_t value;
        std::memcpy(&value, old.bytes.data() + i, 8);
        value += unzigzag(words_.varint());
        std::memcpy(now.data() + i, &value, 8);
      }
      return true;
  }
  return false;
}

// Writes the part at `at` and moves `at` behind it.
bool EventDecoder::decode_part(uint32_t word, EventView event, const std::byte* was, const PartView& old, size_t& at) {
  const uint8_t code = parts_.byte();
  if (code & ~(format::kPartKept | format::kPartAddress | format::kPartLength)) return false;
  const auto argument = static_cast<uint8_t>(word >> 8);
  const PartForecast expected = forecast_part(argument, event, was, old.part);
  uint64_t length = expected.bytes;
  if (code & format::kPartLength) length += unzigzag(lengths_.varint());
  if (length > out_.size() || part_room(length) > out_.size() - at) return false;
  abi::Part part{.address = expected.address,
                 .bytes = static_cast<uint32_t>(length),
                 .role = static_cast<abi::PartRole>(word & 0xff),
                 .argument = argument,
                 .cut = static_cast<uint16_t>(word >> 16)};
  if (code & format::kPartAddress) part.address += unzigzag(addresses_.varint());
  std::memcpy(out_.data() + at, &part, sizeof(part));
  std::byte* const content = out_.data() + at + sizeof(part);
  const size_t whole = format::padded(length);
  if (whole != length) std::memset(content + whole - 8, 0, 8);
  if (!decode_bytes(code, word, {content, length}, old)) return false;
  at += part_room(length);
  return true;
}

const char* EventDecoder::decode(uint16_t shape, uint32_t task, uint32_t time_100us) {
  const std::span<const uint32_t> words = columns_.shapes[shape];
  const auto args = static_cast<uint8_t>(words[0] >> 8);
  const size_t fixed = sizeof(abi::EventHeader) + size_t{8} * args;
  if (out_.size() - used_ < fixed) return "events pass their announced length";
  std::byte* const start = out_.data() + used_;
  auto* header = reinterpret_cast<abi::EventHeader*>(start);
  *header = {.bytes = static_cast<uint32_t>(fixed),
             .kind = static_cast<abi::EventKind>(words[0] & 0xff),
             .args = args,
             .number = static_cast<uint16_t>(words[0] >> 16),
             .task = task,
             .time_100us = time_100us,
             .result = 0};
  const uint8_t mask = changed_.byte();
  const uint64_t arg0 = decode_args(mask, shape, args);
  uint64_t result = was_ ? static_cast<uint64_t>(EventView(was_).header().result) : 0;
  if (mask & format::kChangedResult) result += unzigzag(results_.varint());
  header->result = static_cast<int64_t>(result);

  size_t at = used_ + fixed;
  PartRange::Iterator before = was_ ? EventView(was_).parts().begin() : PartRange::Iterator();
  for (uint32_t word : words.subspan(1)) {
    PartView old{};
    if (was_) old = *before++;
    if (!decode_part(word, EventView(start), was_, old, at)) return "a part cannot be rebuilt";
  }
  if (any_bad()) return "a column is too short";
  if (at - used_ > kMaxEventBytes) return "an event is too long";
  header->bytes = static_cast<uint32_t>(at - used_);
  forecast_->remember(shape, arg0, static_cast<uint32_t>(used_));
  used_ = at;
  return nullptr;
}

bool EventDecoder::any_bad() const {
  bool bad = changed_.bad() || results_.bad() || parts_.bad() || addresses_.bad() || lengths_.bad() || words_.bad() ||
             bytes_.bad();
  for (const ColumnReader& column : args_) bad = bad || column.bad();
  return bad;
}

Result<void> EventDecoder::finish() const {
  bool all = changed_.at_end() && results_.at_end() && parts_.at_end() && addresses_.at_end() && lengths_.at_end() &&
             words_.at_end() && bytes_.at_end();
  for (const ColumnReader& column : args_) all = all && column.at_end();
  if (!all) return bad("a column is too long");
  if (used_ != out_.size()) return bad(text("events take ", used_, " bytes instead of ", out_.size()));
  return {};
}

}  // namespace

Result<std::vector<uint32_t>> decode_runs(std::span<const std::byte> runs, uint32_t count, const char* name) {
  std::vector<uint32_t> values;
  values.reserve(count);
  ColumnReader reader(runs);
  uint64_t value = 0;
  while (values.size() < count) {
    const uint64_t length = reader.varint();
    value += unzigzag(reader.varint());
    if (reader.bad() || length == 0 || length > count - values.size() || value > UINT32_MAX)
      return bad(text("bad run of ", name));
    values.insert(values.end(), length, static_cast<uint32_t>(value));
  }
  if (!reader.at_end()) return bad(text("too many runs of ", name));
  return values;
}

Result<std::vector<uint16_t>> decode_shapes(const Columns& columns, uint32_t count) {
  const size_t width = columns.shapes.size() <= 256 ? 1 : 2;
  if (columns.shape_of.size() != width * count) return bad("not one shape for each event");
  std::vector<uint16_t> shapes(count);
  for (uint32_t i = 0; i < count; i++) {
    shapes[i] = static_cast<uint8_t>(columns.shape_of[width * i]);
    if (width == 2) shapes[i] |= static_cast<uint16_t>(static_cast<unsigned>(columns.shape_of[2 * i + 1]) << 8);
    if (shapes[i] >= columns.shapes.size())
      return bad(text("event ", i, " has shape ", shapes[i], ", not in the table"));
  }
  return shapes;
}

Result<void> decode_events(const Columns& columns, uint32_t count, std::span<std::byte> out,
                           std::vector<uint32_t>& offsets) {
  if (columns.changed.size() != count) return bad("not one mask for each event");
  for (std::span<const uint32_t> shape : columns.shapes)
    if (shape.empty()) return bad("a shape without words");
  CKPT_TRY(const std::vector<uint16_t> shapes, decode_shapes(columns, count));
  CKPT_TRY(const std::vector<uint32_t> tasks, decode_runs(columns.tasks, count, "tasks"));
  CKPT_TRY(const std::vector<uint32_t> times, decode_runs(columns.times, count, "times"));
  EventDecoder decoder(columns, out);
  offsets.resize(count);
  for (uint32_t i = 0; i < count; i++) {
    offsets[i] = static_cast<uint32_t>(decoder.used());
    if (const char* wrong = decoder.decode(shapes[i], tasks[i], times[i])) return bad(text("event ", i, ": ", wrong));
  }
  return decoder.finish();
}

}  // namespace ckpt
