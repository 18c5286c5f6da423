#include "trace/store/writer.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "tests/unit/store/random_events.h"
#include "tests/unit/store/trace_builder.h"

namespace ckpt {
namespace {

using test::EventBuilder;
using test::read_back;
using test::ReadBack;
using test::TempFolder;
using test::write_trace;

TEST_CASE("writer: folder and files are for their owner alone") {
  TempFolder folder;
  write_trace(folder / "t", test::syscall_loop(10), 0, true);
  struct stat info;
  REQUIRE(::stat((folder / "t").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
  for (const char* name : {"t/header", "t/events", "t/end"}) {
    REQUIRE(::stat((folder / name).c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
  }
}

TEST_CASE("writer: an empty folder is taken, any other is refused") {
  TempFolder folder;
  ::mkdir((folder / "empty").c_str(), 0755);
  CHECK(Writer::create(folder / "empty", {}).ok());
  CHECK(Writer::create(folder / "empty", {}).error().code == Code::usage);
  test::write_all(folder / "file", "x");
  CHECK(Writer::create(folder / "file", {}).error().code == Code::io);
  CHECK(Writer::create(folder / "no/where", {}).error().os_errno == ENOENT);
}

TEST_CASE("writer: events before a malformed one are kept, it and the rest are not") {
  TempFolder folder;
  Result<Writer> writer = Writer::create(folder / "t", {});
  REQUIRE_OK(writer);
  const EventBuilder builder = test::syscall_loop(2);
  std::vector<std::byte> bytes(builder.events().begin(), builder.events().end());
  const size_t second = EventView(bytes.data()).header().bytes;
  bytes[second + 1] = std::byte{0xff};
  const Result<void> appended = writer->append(bytes);
  CHECK(appended.error().code == Code::corrupt);
  CHECK(appended.error().where == second);
  CHECK(writer->events() == 1);
  CHECK(writer->append(builder.events().subspan(4)).error().code == Code::usage);
  REQUIRE_OK(writer->append(builder.events()));
  REQUIRE_OK(writer->finish({}));
  Result<Reader> reader = Reader::open(folder / "t");
  REQUIRE_OK(reader);
  CHECK(read_back(*reader).events == 13);
  CHECK(reader->end()->value().events == 13);
}

TEST_CASE("writer: many shapes and long events make several chunks, in order") {
  TempFolder folder;
  EventBuilder builder;
  const std::vector<std::byte> big(700'000, std::byte{9});
  for (uint32_t i = 0; i < 9000; i++) builder.add(static_cast<uint16_t>(i), i, {i});
  for (uint64_t i = 0; i < 9; i++) builder.add(0, 1, {i}, {{0x1000, big}});
  write_trace(folder / "t", builder, 0, true);
  Result<Reader> reader = Reader::open(folder / "t");
  REQUIRE_OK(reader);
  const ReadBack back = read_back(*reader);
  CHECK(back.error == "");
  CHECK(back.bytes.size() == builder.events().size());
  CHECK(std::equal(back.bytes.begin(), back.bytes.end(), builder.events().begin()));
  CHECK(reader->chunks()->size() >= 7);
}

// Runs `body` in a child, because limits and mounts are for a whole process.
template <class Body>
int in_child(Body&& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

// Fills the trace until it fails. 0 if it behaved as the header says.
int fill_up(const std::string& folder, int wanted_errno) {
  Result<Writer> writer = Writer::create(folder, {});
  if (!writer) return 1;
  const EventBuilder builder = test::random_events(2000, 3);
  Result<void> appended;
  for (int i = 0; i < 1000 && appended.ok(); i++) {
    appended = writer->append(builder.events());
    if (appended.ok() && i % 3 == 0) appended = writer->flush();
  }
  if (appended.ok()) return 2;
  if (appended.error().code != Code::io || appended.error().os_errno != wanted_errno) return 3;
  if (writer->append(builder.events()).ok() || writer->flush().ok()) return 4;
  struct stat info;
  if (::stat((folder + "/events").c_str(), &info) != 0) return 5;
  if (static_cast<uint64_t>(info.st_size) != writer->stored_bytes()) return 6;
  const uint64_t events = writer->events();
  if (writer->finish({.discarded = true}).ok()) return 7;
  Result<Reader> reader = Reader::open(folder);
  if (!reader) return 8;
  const ReadBack back = read_back(*reader);
  return back.error.empty() && back.events == events && events > 0 && !reader->cut() ? 0 : 9;
}

TEST_CASE("writer: a file size limit stops it at the last whole chunk, without a signal") {
  TempFolder folder;
  CHECK(in_child([&] {
          const rlimit limit{300'000, 300'000};
          ::setrlimit(RLIMIT_FSIZE, &limit);
          return fill_up(folder / "t", EFBIG);
        }) == 0);
  // `end` is small enough to be written all the same.
  Result<Reader> reader = Reader::open(folder / "t");
  REQUIRE_OK(reader);
  REQUIRE(reader->end()->has_value());
  CHECK(reader->end()->value().discarded);
  CHECK(reader->verify()->ok());
}

TEST_CASE("writer: a full disk stops it at the last whole chunk") {
  TempFolder folder;
  const int status = in_child([&] {
    if (::mount("none", folder.path().c_str(), "tmpfs", 0, "size=1m") != 0) return 77;
    const int filled = fill_up(folder / "t", ENOSPC);
    ::umount2(folder.path().c_str(), MNT_DETACH);
    return filled;
  });
  if (status == 77) {
    MESSAGE("skipped: cannot mount a small tmpfs here");
    return;
  }
  CHECK(status == 0);
}

TEST_CASE("writer: moved from and to, it goes on writing") {
  TempFolder folder;
  Result<Writer> first = Writer::create(folder / "t", {});
  REQUIRE_OK(first);
  const EventBuilder builder = test::syscall_loop(5);
  REQUIRE_OK(first->append(builder.events()));
  Writer second = std::move(first).value();
  REQUIRE_OK(second.append(builder.events()));
  CHECK(second.events() == 60);
  CHECK(second.raw_bytes() == 2 * builder.events().size());
  REQUIRE_OK(second.finish({}));
  CHECK_FALSE(second.append(builder.events()).ok());
}

}  // namespace
}  // namespace ckpt
