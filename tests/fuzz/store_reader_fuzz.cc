// Any bytes as a trace. The first byte chooses how deep they go:
//   0 the events file as it is      1 the message of a chunk, in a sealed frame
//   2 the header file as it is      3 the message of a header, sealed
//   4 the message of an end, sealed
#include <cstdint>
#include <cstdlib>

#include "tests/fuzz/folder.h"
#include "tests/fuzz/sealed.h"
#include "trace/store/reader.h"
#include "trace/store/trace_info.h"

namespace ckpt {
namespace {

// Whatever a reader serves must be whole events, as many as it says.
void read_everything() {
  Result<Reader> reader = Reader::open(fuzz::folder());
  if (!reader) return;
  (void)reader->end();
  uint64_t events = 0;
  for (int chunks = 0; chunks < 64; chunks++) {
    const Result<std::optional<ChunkView>> chunk = reader->next_chunk();
    if (!chunk || !chunk.value()) break;
    const ChunkView& view = *chunk.value();
    if (view.first().value != events + 1) std::abort();
    events += view.count();
    const Result<uint64_t> whole = validate_events(view.events());
    if (!whole || whole.value() != view.count()) std::abort();
    if (!reader->read_columns(view.info())) std::abort();
  }
  (void)reader->seek({events + 1});
  (void)reader->verify();
}

std::vector<std::byte> seal_chunk(fuzz::Input& input) {
  format::ChunkFrame header{};
  header.first_event = 1;
  header.count = input.take<uint16_t>();
  header.raw_bytes = input.take<uint32_t>() % (1u << 20);
  header.min_time_100us = input.take<uint32_t>();
  header.max_time_100us = input.take<uint32_t>();
  header.min_task = input.take<uint32_t>();
  header.max_task = input.take<uint32_t>();
  header.task_mask = input.take<uint64_t>();
  header.kind_mask = input.take<uint64_t>();
  header.number_mask = input.take<uint64_t>();
  const auto message = input.rest().first(input.rest().size() & ~size_t{7});
  header.message_bytes = static_cast<uint32_t>(message.size());
  return fuzz::seal(header, format::Magic::chunk, fuzz::compress(message));
}

}  // namespace
}  // namespace ckpt

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ckpt;
  fuzz::Input input(data, size);
  const auto mode = input.take<uint8_t>();
  if (!write_header(fuzz::folder(), {})) std::abort();
  fuzz::put("events", {});
  ::unlink((fuzz::folder() + "/end").c_str());
  switch (mode % 5) {
    case 0:
      fuzz::put("events", input.rest());
      break;
    case 1:
      fuzz::put("events", seal_chunk(input));
      break;
    case 2:
      fuzz::put("header", input.rest());
      break;
    case 3:
      fuzz::put("header", fuzz::seal_message(input.rest(), format::MessageKind::header));
      break;
    case 4:
      fuzz::put("end", fuzz::seal_message(input.rest(), format::MessageKind::end));
      break;
  }
  read_everything();
  return 0;
}
