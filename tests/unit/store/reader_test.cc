#include "trace/store/reader.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "tests/unit/store/random_events.h"
#include "tests/unit/store/trace_builder.h"
#include "trace/store/trace_info.h"

namespace ckpt {
namespace {

using test::EventBuilder;
using test::is_prefix;
using test::read_all;
using test::read_back;
using test::ReadBack;
using test::TempFolder;
using test::write_all;
using test::write_trace;

TEST_CASE("reader: header, events and end come back as they were given") {
  TempFolder folder;
  const EventBuilder builder = test::random_events(5000, 1);
  write_trace(folder / "t", builder, 0, true);
  Result<Reader> reader = Reader::open(folder / "t");
  REQUIRE_OK(reader);
  const TraceHeader want = test::small_header(), &have = reader->header();
  CHECK(have.format_version == 1);
  CHECK(have.argv == want.argv);
  CHECK(have.environment == want.environment);
  CHECK(have.mode == "strict");
  CHECK(have.zone_base == want.zone_base);
  CHECK(have.xsave_bytes == want.xsave_bytes);
  CHECK(have.pid == want.pid);
  REQUIRE(have.cpuid.size() == 2);
  CHECK(have.cpuid[1].eax == 0xffffffff);
  const ReadBack back = read_back(*reader);
  CHECK(back.error == "");
  CHECK(back.events == 5000);
  CHECK(is_prefix(back.bytes, builder.events()));
  const Result<std::optional<TraceEnd>> end = reader->end();
  REQUIRE_OK(end);
  REQUIRE(end->has_value());
  CHECK((*end)->events == 5000);
  CHECK((*end)->status == 3);
  CHECK((*end)->note == "done");
  CHECK((*end)->refused == std::vector<std::string>{"a", "b"});
}

TEST_CASE("reader: what a chunk's frame says is true of its events") {
  TempFolder folder;
  const EventBuilder builder = test::random_events(3000, 2);
  write_trace(folder / "t", builder, 500, true);
  Result<Reader> reader = Reader::open(folder / "t");
  REQUIRE_OK(reader);
  const Result<std::vector<ChunkInfo>> chunks = reader->chunks();
  REQUIRE_OK(chunks);
  REQUIRE(chunks->size() == 6);
  for (const ChunkInfo& info : *chunks) {
    const Result<ChunkView> chunk = reader->read_chunk(info);
    REQUIRE_OK(chunk);
    const Result<ChunkColumns> columns = reader->read_columns(info);
    REQUIRE_OK(columns);
    for (uint32_t i = 0; i < info.count; i++) {
      const abi::EventHeader& header = chunk->event(i).header();
      REQUIRE(info.may_have_task(header.task));
      REQUIRE(info.may_have_kind(header.kind));
      REQUIRE(info.may_have_number(header.number));
      REQUIRE(header.time_100us >= info.min_time_100us);
      REQUIRE(header.time_100us <= info.max_time_100us);
      REQUIRE(columns->kinds[i] == header.kind);
      REQUIRE(columns->numbers[i] == header.number);
      REQUIRE(columns->tasks[i] == header.task);
      REQUIRE(columns->times_100us[i] == header.time_100us);
    }
  }
}

TEST_CASE("reader: seek reaches every event, and names what is not there") {
  TempFolder folder;
  const EventBuilder builder = test::syscall_loop(100);
  write_trace(folder / "t", builder, 70, true);
  Result<Reader> reader = Reader::open(folder / "t");
  REQUIRE_OK(reader);
  for (uint64_t number : {600ull, 1ull, 70ull, 71ull, 350ull}) {
    REQUIRE_OK(reader->seek({number}));
    const Result<std::optional<ChunkView>> chunk = reader->next_chunk();
    REQUIRE_OK(chunk);
    REQUIRE(chunk->has_value());
    CHECK((*chunk)->has({number}));
    CHECK((*chunk)->at({number}).header().bytes == EventView((*chunk)->at({number})).bytes().size());
  }
  REQUIRE_OK(reader->seek({601}));
  CHECK_FALSE(reader->next_chunk()->has_value());
  CHECK(reader->seek({602}).error().code == Code::not_found);
  CHECK(reader->seek({0}).error().code == Code::not_found);
  CHECK(reader->events().value() == 600);
}

TEST_CASE("reader: a view outlives its reader") {
  TempFolder folder;
  const EventBuilder builder = test::syscall_loop(10);
  write_trace(folder / "t", builder, 0, true);
  std::optional<ChunkView> view;
  {
    Result<Reader> reader = Reader::open(folder / "t");
    REQUIRE_OK(reader);
    view = *std::move(reader->next_chunk()).value();
  }
  CHECK(std::equal(view->events().begin(), view->events().end(), builder.events().begin()));
}

TEST_CASE("reader: a trace that is being written is read as far as it goes") {
  TempFolder folder;
  Result<Writer> writer = Writer::create(folder / "t", {});
  REQUIRE_OK(writer);
  Result<Reader> reader = Reader::open(folder / "t");
  REQUIRE_OK(reader);
  CHECK_FALSE(reader->next_chunk()->has_value());
  const EventBuilder builder = test::syscall_loop(10);
  for (uint64_t round = 0; round < 5; round++) {
    REQUIRE_OK(writer->append(builder.events()));
    CHECK_FALSE(reader->next_chunk()->has_value());
    REQUIRE_OK(writer->flush());
    const Result<std::optional<ChunkView>> chunk = reader->next_chunk();
    REQUIRE_OK(chunk);
    REQUIRE(chunk->has_value());
    CHECK((*chunk)->first().value == 60 * round + 1);
    CHECK_FALSE(reader->end()->has_value());
  }
  REQUIRE_OK(writer->finish({}));
  CHECK_FALSE(reader->next_chunk()->has_value());
  CHECK(reader->end()->has_value());
}

TEST_CASE("reader: cut at any byte, the events of whole chunks are served") {
  TempFolder folder;
  const EventBuilder builder = test::syscall_loop(8);
  write_trace(folder / "t", builder, 12, false);
  const std::string good = read_all(folder / "t/events");
  Result<Reader> whole = Reader::open(folder / "t");
  REQUIRE_OK(whole);
  const std::vector<ChunkInfo> chunks = *whole->chunks();
  REQUIRE(chunks.size() == 4);
  for (size_t cut = 0; cut <= good.size(); cut++) {
    write_all(folder / "t/events", good.substr(0, cut));
    uint64_t events = 0;
    bool at_border = cut == 0;
    for (const ChunkInfo& info : chunks) {
      if (info.offset + info.stored_bytes <= cut) events += info.count;
      at_border |= info.offset + info.stored_bytes == cut;
    }
    INFO("cut at ", cut);
    Result<Reader> reader = Reader::open(folder / "t");
    REQUIRE_OK(reader);
    const ReadBack back = read_back(*reader);
    CHECK(back.error == "");
    CHECK(back.events == events);
    CHECK(is_prefix(back.bytes, builder.events()));
    CHECK(reader->cut() == !at_border);
    CHECK(reader->verify()->ok());
    CHECK(reader->verify()->cut == !at_border);
  }
}

TEST_CASE("reader: cut although the trace has an end, it is corrupt after the whole chunks") {
  TempFolder folder;
  const EventBuilder builder = test::syscall_loop(8);
  write_trace(folder / "t", builder, 12, true);
  const std::string good = read_all(folder / "t/events");
  for (size_t cut = 0; cut < good.size(); cut += 7) {
    write_all(folder / "t/events", good.substr(0, cut));
    Result<Reader> reader = Reader::open(folder / "t");
    REQUIRE_OK(reader);
    const ReadBack back = read_back(*reader);
    INFO("cut at ", cut);
    CHECK(back.error != "");
    CHECK(back.code == Code::corrupt);
    CHECK(is_prefix(back.bytes, builder.events()));
    CHECK_FALSE(reader->verify()->ok());
  }
}

TEST_CASE("reader: any flipped bit is corrupt, and the events before its chunk are served") {
  TempFolder folder;
  const EventBuilder builder = test::syscall_loop(8);
  write_trace(folder / "t", builder, 12, true);
  const std::string good = read_all(folder / "t/events");
  Result<Reader> whole = Reader::open(folder / "t");
  REQUIRE_OK(whole);
  const std::vector<ChunkInfo> chunks = *whole->chunks();
  for (size_t at = 0; at < good.size(); at++) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ (1 << at % 8));
    write_all(folder / "t/events", bad);
    uint64_t before = 0;
    for (const ChunkInfo& info : chunks)
      if (info.offset + info.stored_bytes <= at) before += info.count;
    INFO("byte ", at);
    Result<Reader> reader = Reader::open(folder / "t");
    REQUIRE_OK(reader);
    const ReadBack back = read_back(*reader);
    CHECK(back.error != "");
    CHECK((back.code == Code::corrupt || back.code == Code::unsupported));
    CHECK(back.events == before);
    CHECK(is_prefix(back.bytes, builder.events()));
    CHECK(read_back(*reader).error == back.error);
    CHECK_FALSE(reader->verify()->ok());
  }
}

TEST_CASE("reader: chunks after a damaged payload can be reached") {
  TempFolder folder;
  const EventBuilder builder = test::syscall_loop(8);
  write_trace(folder / "t", builder, 12, true);
  Result<Reader> reader = Reader::open(folder / "t");
  REQUIRE_OK(reader);
  const std::vector<ChunkInfo> chunks = *reader->chunks();
  std::string bad = read_all(folder / "t/events");
  bad[chunks[1].offset + 150] ^= 1;
  write_all(folder / "t/events", bad);
  reader = Reader::open(folder / "t");
  REQUIRE_OK(reader);
  const ReadBack back = read_back(*reader);
  CHECK(back.events == 12);
  CHECK(reader->chunks()->size() == 4);
  REQUIRE_OK(reader->seek({30}));
  CHECK((*reader->next_chunk())->has({30}));
  const Result<VerifyReport> report = reader->verify();
  REQUIRE_OK(report);
  REQUIRE(report->problems.size() == 1);
  CHECK(report->problems[0].offset == chunks[1].offset);
  CHECK(report->events == 36);
}

TEST_CASE("reader: a header or end that is cut, damaged or missing is told apart") {
  TempFolder folder;
  write_trace(folder / "t", test::syscall_loop(1), 0, true);
  for (const char* name : {"header", "end"}) {
    const std::string path = folder / (std::string("t/") + name), good = read_all(path);
    const auto fails = [&] {
      Result<Reader> reader = Reader::open(folder / "t");
      return !reader.ok() || !reader->end().ok();
    };
    CHECK_FALSE(fails());
    for (size_t at = 0; at < good.size(); at++) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ 4);
      write_all(path, bad);
      INFO(name, " byte ", at);
      CHECK(fails());
      write_all(path, good.substr(0, at));
      CHECK(fails());
    }
    write_all(path, good + "x");
    CHECK(fails());
    write_all(path, good);
  }
  CHECK(Reader::open(folder / "nothing").error().code == Code::not_found);
}

TEST_CASE("reader: a trace of a newer format is unsupported, and the message names both versions") {
  TempFolder folder;
  TraceHeader header = test::small_header();
  header.needs_reader_version = 7;
  REQUIRE_OK(Writer::create(folder / "t", header));
  const Result<Reader> reader = Reader::open(folder / "t");
  REQUIRE_FALSE(reader.ok());
  CHECK(reader.error().code == Code::unsupported);
  CHECK(reader.error().message.find("format 7") != std::string::npos);
  CHECK(reader.error().message.find("format 1") != std::string::npos);
}

TEST_CASE("reader: reading while another process writes gives events in order and no error") {
  TempFolder folder;
  const EventBuilder builder = test::syscall_loop(300);
  const pid_t child = ::fork();
  if (child == 0) {
    Result<Writer> writer = Writer::create(folder / "t", {});
    if (!writer) ::_exit(1);
    for (int i = 0; i < 300; i++)
      if (!writer->append(builder.events()) || !writer->flush()) ::_exit(2);
    ::_exit(writer->finish({}).ok() ? 0 : 3);
  }
  Result<Reader> reader = Reader::open(folder / "t");
  while (!reader && reader.error().code == Code::not_found) reader = Reader::open(folder / "t");
  REQUIRE_OK(reader);
  uint64_t events = 0;
  while (events < 300 * builder.count()) {
    const ReadBack back = read_back(*reader);
    REQUIRE(back.error == "");
    if (back.events != 0) REQUIRE(back.first == events + 1);
    events += back.events;
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
  CHECK(read_back(*reader).error == "");
  CHECK_FALSE(reader->cut());
  CHECK(reader->end()->value().events == events);
  CHECK(reader->verify()->ok());
}

TEST_CASE("reader: a recorder killed at a random moment leaves a valid prefix") {
  const EventBuilder builder = test::syscall_loop(500);
  for (int round = 0; round < 20; round++) {
    TempFolder folder;
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
      Result<Writer> writer = Writer::create(folder / "t", {});
      if (!writer || ::write(ready[1], "x", 1) != 1) ::_exit(1);
      while (writer->append(builder.events()).ok() && writer->flush().ok()) {
      }
      ::_exit(1);
    }
    char byte;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    ::usleep(static_cast<useconds_t>(1000 + round * 700));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(ready[0]);
    ::close(ready[1]);
    Result<Reader> reader = Reader::open(folder / "t");
    REQUIRE_OK(reader);
    const Result<VerifyReport> report = reader->verify();
    REQUIRE_OK(report);
    CHECK(report->ok());
    CHECK(report->events % 3000 == 0);
  }
}

}  // namespace
}  // namespace ckpt
