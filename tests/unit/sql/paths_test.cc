// Where traces go and how they are named.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <thread>
#include <vector>

#include "tests/unit/sql/trace_maker.h"
#include "tools/paths.h"

using namespace ckpt;
using namespace ckpt::testing;

namespace {

struct Store {
  Store() { setenv("CKPT_TRACE_DIR", root.c_str(), 1); }
  ~Store() { unsetenv("CKPT_TRACE_DIR"); }
  TemporaryFolder folder;
  std::string root = folder.path() + "/a/store";
};

std::string name_of(const Result<std::string>& folder) {
  return folder ? folder->substr(folder->find_last_of('/') + 1) : "error: " + folder.error().message;
}

}  // namespace

TEST_CASE("paths: a new trace is PROGRAM-N with the next number, for its owner only") {
  Store store;
  CHECK(name_of(new_trace_folder("/usr/bin/redis-server")) == "redis-server-1");
  CHECK(name_of(new_trace_folder("redis-server")) == "redis-server-2");
  CHECK(name_of(new_trace_folder("redis")) == "redis-1");
  REQUIRE(mkdir((store.root + "/redis-41").c_str(), 0700) == 0);
  REQUIRE(mkdir((store.root + "/redis-x").c_str(), 0700) == 0);
  CHECK(name_of(new_trace_folder("./redis")) == "redis-42");
  struct stat facts;
  REQUIRE(stat((store.root + "/redis-42").c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777) == 0700);
}

TEST_CASE("paths: a program's name cannot leave the store or hide in it") {
  Store store;
  CHECK(name_of(new_trace_folder("..")) == "_.-1");
  CHECK(name_of(new_trace_folder("/")) == "trace-1");
  CHECK(name_of(new_trace_folder("a b\n$(c)")) == "a_b___c_-1");
  CHECK(name_of(new_trace_folder("-rf")) == "_rf-1");
  CHECK(name_of(new_trace_folder(std::string(1000, 'x'))) == std::string(100, 'x') + "-1");
}

TEST_CASE("paths: traces begun at once get folders of their own") {
  Store store;
  std::vector<std::string> names(16);
  std::vector<std::thread> threads;
  REQUIRE(new_trace_folder("p").ok());
  for (std::string& name : names) threads.emplace_back([&name] { name = name_of(new_trace_folder("p")); });
  for (std::thread& thread : threads) thread.join();
  CHECK(std::set<std::string>(names.begin(), names.end()).size() == names.size());
}

TEST_CASE("paths: latest follows the newest trace; a name is a folder first, then one of the store") {
  Store store;
  CHECK(name_of(resolve_trace("")).starts_with("error: trace latest: none in"));
  auto make = [](const Result<std::string>& folder) {
    TraceMaker maker(*folder);
    CHECK(maker.finish());
  };
  make(new_trace_folder("p"));
  CHECK(name_of(resolve_trace("")) == "p-1");
  make(new_trace_folder("p"));
  CHECK(name_of(resolve_trace("latest")) == "p-2");
  CHECK(name_of(resolve_trace("p-1")) == "p-1");
  CHECK(name_of(resolve_trace(store.root + "/p-1")) == "p-1");
  CHECK(name_of(resolve_trace("p-3")).starts_with("error: trace p-3: neither"));
  CHECK(name_of(resolve_trace("/")).starts_with("error: trace /: is not a trace"));
}

TEST_CASE("paths: our own files are found where CKPT_LIB_DIR says, and nowhere else then") {
  TemporaryFolder folder;
  std::ofstream(folder.path() + "/thing") << "x";
  setenv("CKPT_LIB_DIR", folder.path().c_str(), 1);
  CHECK(library_file("thing").value() == folder.path() + "/thing");
  auto missing = library_file("other");
  REQUIRE(!missing);
  CHECK(missing.error().code == Code::not_found);
  unsetenv("CKPT_LIB_DIR");
}
