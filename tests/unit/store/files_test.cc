#include "trace/store/files.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include <doctest/doctest.h>

#include "tests/unit/store/require_ok.h"
#include "tests/unit/store/temp_folder.h"
#include "trace/store/file_hash.h"

namespace ckpt {
namespace {

using test::read_all;
using test::TempFolder;
using test::write_all;

FileHandle open_read(const std::string& path) {
  return FileHandle(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

// The change time of a file cannot be set back, so cases that need an old file wait for one
// that was made when the tests began.
void wait_until_settled(const std::string& path) {
  struct stat info;
  do {
    REQUIRE(::stat(path.c_str(), &info) == 0);
    ::usleep(20'000);
  } while (::time(nullptr) - info.st_ctime < 3);
}

TEST_CASE("files: a copy has the file's bytes, mode 0400, and is shared with the store") {
  TempFolder folder;
  write_all(folder / "a", std::string(3'000'000, 'x') + "end");
  Result<FileStore> store = FileStore::open(folder / "deep/store");
  REQUIRE_OK(store);
  const Result<FileCopy> copy = store->add(open_read(folder / "a").get(), folder / "t");
  REQUIRE_OK(copy);
  CHECK(copy->bytes == 3'000'003);
  CHECK(is_hash_name(copy->hash));
  const std::string path = folder / "t/files/" + copy->hash;
  CHECK(read_all(path) == read_all(folder / "a"));
  struct stat in_trace, in_store;
  REQUIRE(::stat(path.c_str(), &in_trace) == 0);
  REQUIRE(::stat((folder / "deep/store/files/" + copy->hash).c_str(), &in_store) == 0);
  CHECK(in_trace.st_ino == in_store.st_ino);
  CHECK((in_trace.st_mode & 0777) == 0400);
  // Again: the same copy, nothing left over.
  REQUIRE_OK(store->add(open_read(folder / "a").get(), folder / "t"));
  CHECK(std::distance(std::filesystem::directory_iterator(folder / "deep/store/files"), {}) == 1);
}

TEST_CASE("files: equal content of two files is one copy") {
  TempFolder folder;
  write_all(folder / "a", "same");
  write_all(folder / "b", "same");
  write_all(folder / "empty", "");
  Result<FileStore> store = FileStore::open(folder / "store");
  REQUIRE_OK(store);
  const Result<FileCopy> a = store->add(open_read(folder / "a").get(), folder / "t");
  const Result<FileCopy> b = store->add(open_read(folder / "b").get(), folder / "t");
  REQUIRE_OK(a);
  REQUIRE_OK(b);
  CHECK(a->hash == b->hash);
  const Result<FileCopy> empty = store->add(open_read(folder / "empty").get(), folder / "t");
  REQUIRE_OK(empty);
  CHECK(empty->bytes == 0);
}

TEST_CASE("files: a settled file is known to a later store, until it changes") {
  TempFolder folder;
  write_all(folder / "a", "first");
  wait_until_settled(folder / "a");
  for (int round = 0; round < 2; round++) {
    Result<FileStore> store = FileStore::open(folder / "store");
    REQUIRE_OK(store);
    REQUIRE_OK(store->add(open_read(folder / "a").get(), folder / ("t" + std::to_string(round))));
    CHECK(store->known() == (round == 0 ? 0 : 1));
  }
  write_all(folder / "a", "other");  // the same length
  Result<FileStore> store = FileStore::open(folder / "store");
  REQUIRE_OK(store);
  const Result<FileCopy> copy = store->add(open_read(folder / "a").get(), folder / "t2");
  REQUIRE_OK(copy);
  CHECK(store->known() == 0);
  CHECK(read_all(folder / "t2/files/" + copy->hash) == "other");
}

TEST_CASE("files: a file changed a moment ago is not remembered") {
  TempFolder folder;
  Result<FileStore> store = FileStore::open(folder / "store");
  REQUIRE_OK(store);
  for (int round = 0; round < 3; round++) {
    write_all(folder / "a", "content " + std::to_string(round));
    const Result<FileCopy> copy = store->add(open_read(folder / "a").get(), folder / "t");
    REQUIRE_OK(copy);
    CHECK(read_all(folder / "t/files/" + copy->hash) == "content " + std::to_string(round));
  }
  CHECK(store->known() == 0);
}

TEST_CASE("files: a cache that names a missing copy, or is rubbish, costs only a read") {
  TempFolder folder;
  write_all(folder / "a", "content");
  wait_until_settled(folder / "a");
  Result<FileStore> store = FileStore::open(folder / "store");
  REQUIRE_OK(store);
  const Result<FileCopy> copy = store->add(open_read(folder / "a").get(), folder / "t");
  REQUIRE_OK(copy);
  std::filesystem::remove(folder / "store/files/" + copy->hash);
  REQUIRE_OK(store->add(open_read(folder / "a").get(), folder / "t2"));
  CHECK(read_all(folder / "t2/files/" + copy->hash) == "content");
  // Emptied, as a crash of the machine can do.
  std::filesystem::remove(folder / "store/files/" + copy->hash);
  write_all(folder / "store/files/" + copy->hash, "");
  REQUIRE_OK(store->add(open_read(folder / "a").get(), folder / "t2b"));
  CHECK(read_all(folder / "t2b/files/" + copy->hash) == "content");
  const std::string cache = read_all(folder / "store/files.cache");
  for (size_t cut : {cache.size() - 1, size_t{1}, size_t{0}}) {
    write_all(folder / "store/files.cache", cache.substr(0, cut));
    REQUIRE_OK(store->add(open_read(folder / "a").get(), folder / ("t3-" + std::to_string(cut))));
  }
  write_all(folder / "store/files.cache", std::string(8192 * 4 * 64, '\x55'));
  const Result<FileCopy> again = store->add(open_read(folder / "a").get(), folder / "t4");
  REQUIRE_OK(again);
  CHECK(again->hash == copy->hash);
}

TEST_CASE("files: what is no regular file is refused") {
  TempFolder folder;
  Result<FileStore> store = FileStore::open(folder / "store");
  REQUIRE_OK(store);
  CHECK(store->add(open_read("/dev/zero").get(), folder / "t").error().code == Code::unsupported);
  CHECK(store->add(open_read(folder.path()).get(), folder / "t").error().code == Code::unsupported);
  CHECK(store->add(-1, folder / "t").error().code == Code::io);
}

TEST_CASE("files: a trace on another file system gets a plain copy") {
  TempFolder folder;
  struct stat here, there;
  if (::stat("/dev/shm", &there) != 0 || ::access("/dev/shm", W_OK) != 0) return;
  REQUIRE(::stat(folder.path().c_str(), &here) == 0);
  if (here.st_dev == there.st_dev) return;
  ::setenv("TMPDIR", "/dev/shm", 1);
  TempFolder other;
  ::unsetenv("TMPDIR");
  write_all(folder / "a", "content");
  Result<FileStore> store = FileStore::open(folder / "store");
  REQUIRE_OK(store);
  const Result<FileCopy> copy = store->add(open_read(folder / "a").get(), other / "t");
  REQUIRE_OK(copy);
  CHECK(read_all(other / "t/files/" + copy->hash) == "content");
  REQUIRE_OK(open_copy(other / "t", *copy));
}

TEST_CASE("files: a copy is opened by hash and size, never by a path") {
  TempFolder folder;
  write_all(folder / "a", "content");
  Result<FileStore> store = FileStore::open(folder / "store");
  REQUIRE_OK(store);
  const Result<FileCopy> copy = store->add(open_read(folder / "a").get(), folder / "t");
  REQUIRE_OK(copy);
  REQUIRE_OK(open_copy(folder / "t", *copy));
  CHECK(open_copy(folder / "t", {copy->hash, 3}).error().code == Code::corrupt);
  CHECK(open_copy(folder / "t", {"../../a", 7}).error().code == Code::corrupt);
  CHECK(open_copy(folder / "t", {std::string(32, '0'), 7}).error().code == Code::not_found);
}

TEST_CASE("files: recorders at the same time, some killed, share one store") {
  TempFolder folder;
  for (int i = 0; i < 20; i++)
    write_all(folder / ("f" + std::to_string(i)),
              std::string(static_cast<size_t>(200'000 + i), static_cast<char>('a' + i)));
  std::vector<pid_t> children;
  for (int child = 0; child < 6; child++) {
    children.push_back(::fork());
    if (children.back() != 0) continue;
    Result<FileStore> store = FileStore::open(folder / "store");
    if (!store) ::_exit(1);
    for (int i = 0; i < 20; i++)
      if (!store->add(open_read(folder / ("f" + std::to_string(i))).get(), folder / ("t" + std::to_string(child))).ok())
        ::_exit(2);
    ::_exit(0);
  }
  ::usleep(3000);
  ::kill(children[0], SIGKILL);
  for (size_t child = 0; child < children.size(); child++) {
    int status = 0;
    ::waitpid(children[child], &status, 0);
    if (child != 0) CHECK(status == 0);
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder / "store/files")) {
    const std::string name = entry.path().filename();
    if (name.starts_with(".part-")) continue;
    const Result<FileCopy> copy = hash_file(open_read(entry.path()).get(), name);
    REQUIRE_OK(copy);
    CHECK(copy->hash == name);
  }
  for (int child = 1; child < 6; child++)
    CHECK(std::distance(std::filesystem::directory_iterator(folder / ("t" + std::to_string(child) + "/files")), {}) ==
          20);
}

TEST_CASE("files: time for a known file, printed") {
  TempFolder folder;
  Result<FileStore> store = FileStore::open(folder / "store");
  REQUIRE_OK(store);
  const std::string source = "/proc/self/exe";
  REQUIRE_OK(store->add(open_read(source).get(), folder / "warm"));
  const FileHandle file = open_read(source);
  constexpr int kRounds = 200;
  std::vector<std::string> folders;
  for (int i = 0; i < kRounds; i++)
    std::filesystem::create_directories(folders.emplace_back(folder / ("t" + std::to_string(i))) + "/files");
  std::chrono::steady_clock::duration spent{};
  FileStore fresh = FileStore::open(folder / "store").value();
  for (const std::string& trace : folders) {
    const auto start = std::chrono::steady_clock::now();
    REQUIRE_OK(fresh.add(file.get(), trace));
    spent += std::chrono::steady_clock::now() - start;
  }
  std::printf("files: %.1f us for a known file, opening the trace's folder included\n",
              std::chrono::duration<double, std::micro>(spent).count() / kRounds);
}

TEST_CASE("files: the store's root follows the environment") {
  const auto with = [](const char* trace_dir, const char* data, const char* home) {
    const auto set = [](const char* name, const char* value) { value ? ::setenv(name, value, 1) : ::unsetenv(name); };
    set("CKPT_TRACE_DIR", trace_dir);
    set("XDG_DATA_HOME", data);
    set("HOME", home);
    return default_store_root();
  };
  const char* home = ::getenv("HOME");
  const std::string kept = home ? home : "";
  CHECK(with("/a", "/b", "/c") == "/a");
  CHECK(with("", "/b", "/c") == "/b/ckpt");
  CHECK(with(nullptr, "relative", "/c") == "/c/.local/share/ckpt");
  CHECK(with(nullptr, nullptr, nullptr).starts_with("/tmp/ckpt-"));
  with(nullptr, nullptr, home ? kept.c_str() : nullptr);
}

}  // namespace
}  // namespace ckpt
