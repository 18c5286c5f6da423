// make_seeds FOLDER: writes FOLDER/store_reader, FOLDER/image_reader and FOLDER/event_view, the inputs
// the fuzzers begin with: small whole traces, images and events.
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "tests/fuzz/sealed.h"
#include "tests/fuzz/small_image.h"
#include "tests/unit/store/random_events.h"
#include "tests/unit/store/temp_folder.h"
#include "trace/store/writer.h"

namespace ckpt {
namespace {

using Bytes = std::vector<std::byte>;

void save(const std::string& path, const Bytes& bytes) {
  test::write_all(path, std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

// A fuzzer's input: the mode, then what it takes.
Bytes with_mode(uint8_t mode, const Bytes& rest) {
  Bytes input{std::byte{mode}};
  input.insert(input.end(), rest.begin(), rest.end());
  return input;
}

template <class T>
void add(Bytes& bytes, T value) {
  const auto* from = reinterpret_cast<const std::byte*>(&value);
  bytes.insert(bytes.end(), from, from + sizeof(value));
}

Bytes message_of(const Bytes& file) {
  format::MessageFrame header;
  std::memcpy(&header, file.data(), sizeof(header));
  return fuzz::unseal<format::MessageFrame>(file, header.message_bytes);
}

// What seal_chunk of store_reader_fuzz.cc takes.
Bytes chunk_of(const Bytes& events) {
  format::ChunkFrame header;
  std::memcpy(&header, events.data(), sizeof(header));
  Bytes input;
  add(input, static_cast<uint16_t>(header.count));
  add(input, header.raw_bytes);
  add(input, header.min_time_100us);
  add(input, header.max_time_100us);
  add(input, header.min_task);
  add(input, header.max_task);
  add(input, header.task_mask);
  add(input, header.kind_mask);
  add(input, header.number_mask);
  const Bytes message = fuzz::unseal<format::ChunkFrame>(events, header.message_bytes);
  input.insert(input.end(), message.begin(), message.end());
  return input;
}

void make_trace_seeds(const std::string& folder, const test::EventBuilder& builder, const std::string& name) {
  test::TempFolder trace;
  Result<Writer> writer = Writer::create(trace / "t", {.argv = {"/bin/true", "x"}, .cpuid = {{1, 2, 3, 4, 5, 6}}});
  if (!writer || !writer->append(builder.events()) || !writer->finish({.note = "over", .refused = {"a"}})) std::abort();
  const Bytes events = fuzz::load(trace / "t/events");
  save(folder + "/" + name + "-events", with_mode(0, events));
  save(folder + "/" + name + "-chunk", with_mode(1, chunk_of(events)));
  save(folder + "/header", with_mode(2, fuzz::load(trace / "t/header")));
  save(folder + "/header-message", with_mode(3, message_of(fuzz::load(trace / "t/header"))));
  save(folder + "/end-message", with_mode(4, message_of(fuzz::load(trace / "t/end"))));
}

void make_image_seeds(const std::string& folder) {
  test::TempFolder temp;
  const fuzz::SmallImage small = fuzz::make_small_image(temp.path());
  save(folder + "/manifest", with_mode(0, small.manifest));
  save(folder + "/manifest-message", with_mode(1, message_of(small.manifest)));
  save(folder + "/pages", with_mode(2, small.pages));
  save(folder + "/hashes", with_mode(3, small.hashes));
  Bytes block;
  add(block, uint8_t{2});
  add(block, uint16_t{4});
  block.insert(block.end(), small.hashes.begin() + sizeof(format::HashFrame),
               small.hashes.end() - static_cast<long>(small.hashes_end.size()));
  save(folder + "/hash-block", with_mode(4, block));
}

void make_event_seeds(const std::string& folder, const test::EventBuilder& builder, const std::string& name) {
  save(folder + "/" + name, Bytes(builder.events().begin(), builder.events().end()));
}

}  // namespace
}  // namespace ckpt

int main(int argc, char** argv) {
  using namespace ckpt;
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_seeds FOLDER\n");
    return 2;
  }
  const std::string folder = argv[1];
  for (const char* name : {"store_reader", "image_reader", "event_view"})
    std::filesystem::create_directories(folder + "/" + name);
  const test::EventBuilder loop = test::syscall_loop(3), random = test::random_events(12, 1);
  make_trace_seeds(folder + "/store_reader", loop, "loop");
  make_trace_seeds(folder + "/store_reader", random, "random");
  make_image_seeds(folder + "/image_reader");
  make_event_seeds(folder + "/event_view", loop, "loop");
  make_event_seeds(folder + "/event_view", random, "random");
}
