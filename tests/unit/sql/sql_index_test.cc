// The index: what it says, and that nothing about its file can spoil an answer.
#include <doctest/doctest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "tests/unit/sql/sql_runner.h"
#include "tests/unit/sql/trace_maker.h"

using namespace ckpt;
using namespace ckpt::testing;

namespace {

struct Trace {
  TemporaryFolder folder;
  std::string path = folder.path() + "/t";
  std::string index = path + "/index.sqlite";
  TraceMaker maker{path};

  std::string ask_once(const std::string& question) {
    Sql sql = Sql::open(path).value();
    return ask(sql, question);
  }
};

constexpr const char* kEventsIndexed = "SELECT value FROM meta WHERE key = 'events'";

}  // namespace

TEST_CASE("index: tasks, files, mappings, marks and counts of a small program") {
  Trace trace;
  make_small_trace(trace.maker);
  REQUIRE(trace.maker.finish());
  Sql sql = Sql::open(trace.path).value();
  CHECK(ask(sql, "SELECT task, tid, name, parent, start_event, end_event, status, events, turns FROM tasks") ==
        "1|2147483632|-|-|1|-|-|8|1\n2|4243|worker|1|6|12|7|7|1\n");
  CHECK(ask(sql, "SELECT event, task, call, path, result, errno FROM files") ==
        "2|1|openat|/etc/hosts|3|-\n4|1|openat|/nope|-2|ENOENT\n");
  CHECK(ask(sql, "SELECT event, call, address, bytes, protection, fd FROM mappings") ==
        "5|mmap|139637976731648|8192|3|-1\n");
  CHECK(ask(sql, "SELECT event, name, text FROM marks") == "1|checkpoint|0\n11|signal|SIGTERM\n15|end|exit_group 3\n");
  CHECK(ask(sql, "SELECT name, sum(events), sum(errors) FROM counts WHERE kind = 'syscall' GROUP BY name") ==
        "close|1|1\nmmap|1|0\nopenat|2|1\nprctl|1|0\nread|1|0\nwrite|1|0\n");
  CHECK(ask(sql, "SELECT program, arguments, last_event, ended, status FROM processes") ==
        "/usr/bin/server|./server --port 80|15|exit_group|3\n");
  CHECK(ask(sql, "SELECT event, events FROM chunks") == "1|6\n7|9\n");
  CHECK(ask(sql, kEventsIndexed) == "15\n");
}

TEST_CASE("index: is for its owner only, and is not made unless a question needs it") {
  Trace trace;
  make_small_trace(trace.maker);
  REQUIRE(trace.maker.finish());
  {
    Sql sql = Sql::open(trace.path).value();
    CHECK(ask(sql, "SELECT count(*) FROM syscalls") == "7\n");
    CHECK(sql.chunks_read() == 2);
  }
  struct stat facts;
  REQUIRE(stat(trace.index.c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777) == 0600);
}

TEST_CASE("index: of a trace that grows is read on from where it ended") {
  Trace trace;
  make_small_trace(trace.maker);
  trace.maker.end_chunk();
  CHECK(trace.ask_once(kEventsIndexed) == "15\n");
  for (int i = 0; i < 5; ++i) trace.maker.add(syscall_event(39, 7, {}, 1, 6000));
  REQUIRE(trace.maker.finish());
  CHECK(trace.ask_once("SELECT events, tid FROM tasks WHERE task = 1") == "13|2147483632\n");
  CHECK(trace.ask_once("SELECT sum(events) FROM counts") == "20\n");
  CHECK(trace.ask_once("SELECT count(*) FROM chunks") == "3\n");
}

TEST_CASE("index: damaged, foreign or of another version, it is made anew") {
  Trace trace;
  make_small_trace(trace.maker);
  REQUIRE(trace.maker.finish());
  REQUIRE(trace.ask_once(kEventsIndexed) == "15\n");
  auto alter = [&](const char* statement) {
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open(trace.index.c_str(), &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, statement, nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(db);
  };
  SUBCASE("not a database") {
    std::ofstream(trace.index) << "this is no database, not at all, by no means";
  }
  SUBCASE("empty") {
    std::ofstream(trace.index, std::ios::trunc);
  }
  SUBCASE("another version") {
    alter("PRAGMA user_version=999");
  }
  SUBCASE("another table") {
    alter("CREATE TABLE events(x)");
  }
  SUBCASE("another trace") {
    alter("UPDATE meta SET value='1.2' WHERE key='trace'");
  }
  SUBCASE("more events than the trace") {
    alter("UPDATE meta SET value=1000 WHERE key='events'");
  }
  SUBCASE("a trigger") {
    alter("CREATE TRIGGER t AFTER INSERT ON tasks BEGIN DELETE FROM tasks; END");
  }
  SUBCASE("a link to another file") {
    REQUIRE(unlink(trace.index.c_str()) == 0);
    std::string other = trace.folder.path() + "/other";
    std::ofstream(other) << "mine";
    REQUIRE(symlink(other.c_str(), trace.index.c_str()) == 0);
    CHECK(trace.ask_once(kEventsIndexed) == "15\n");
    std::string kept;
    std::ifstream(other) >> kept;
    CHECK(kept == "mine");
  }
  CHECK(trace.ask_once(kEventsIndexed) == "15\n");
  CHECK(trace.ask_once("SELECT count(*) FROM events") == "15\n");
  CHECK(trace.ask_once("SELECT count(*) FROM tasks") == "2\n");
}

TEST_CASE("index: bytes changed anywhere in its file give an answer or an error, never harm") {
  Trace trace;
  make_small_trace(trace.maker);
  REQUIRE(trace.maker.finish());
  REQUIRE(trace.ask_once(kEventsIndexed) == "15\n");
  std::ifstream file(trace.index, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(file)), {});
  for (size_t at = 0; at < whole.size(); at += 397) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0xff);
    std::ofstream(trace.index, std::ios::binary) << bytes;
    Sql sql = Sql::open(trace.path).value();
    (void)ask(sql, "SELECT * FROM tasks, files, mappings, marks, counts, processes, meta");
    CHECK(ask(sql, "SELECT count(*) FROM events") == "15\n");
  }
}

TEST_CASE("index: in a folder that cannot be written it is made in memory") {
  Trace trace;
  make_small_trace(trace.maker);
  REQUIRE(trace.maker.finish());
  Reader reader = Reader::open(trace.path).value();
  // Root may write everywhere, so the place is taken by a folder instead.
  REQUIRE(mkdir(trace.index.c_str(), 0700) == 0);
  std::ofstream(trace.index + "/x") << "x";
  Index index = Index::open(reader).value();
  CHECK(index.in_memory());
  CHECK(trace.ask_once(kEventsIndexed) == "15\n");
}

TEST_CASE("index: two connections may bring it up to date at once") {
  Trace trace;
  make_small_trace(trace.maker);
  REQUIRE(trace.maker.finish());
  Reader first = Reader::open(trace.path).value(), second = Reader::open(trace.path).value();
  Index one = Index::open(first).value(), two = Index::open(second).value();
  REQUIRE(one.update(first).ok());
  REQUIRE(two.update(second).ok());
  CHECK(!two.in_memory());
  CHECK(trace.ask_once("SELECT sum(events) FROM counts") == "15\n");
}
