// The events of a trace as SQL tables: values, push-down, what is refused.
#include <doctest/doctest.h>

#include <random>

#include "tests/unit/sql/sql_runner.h"
#include "tests/unit/sql/trace_maker.h"

using namespace ckpt;
using namespace ckpt::testing;

namespace {

struct SmallTrace {
  SmallTrace() : maker(folder.path() + "/t") {
    make_small_trace(maker);
    REQUIRE(maker.finish());
  }
  Sql open() { return Sql::open(folder.path() + "/t").value(); }
  TemporaryFolder folder;
  TraceMaker maker;
};

}  // namespace

TEST_CASE("sql: events are numbered from 1, named, and know their thread") {
  SmallTrace trace;
  Sql sql = trace.open();
  CHECK(ask(sql, "SELECT count(*), min(event), max(event) FROM events") == "15|1|15\n");
  CHECK(ask(sql, "SELECT kind, name FROM events WHERE event IN (1, 2, 7, 10, 11, 15)") ==
        "image|image\nsyscall|openat\nturn|after_event\ninstruction|rdtsc\nsignal|SIGTERM\nend|exit_group\n");
  CHECK(ask(sql, "SELECT DISTINCT task, tid FROM events ORDER BY task") == "1|2147483632\n2|4243\n");
  CHECK(ask(sql, "SELECT time FROM events WHERE event = 11") == "0.5033\n");
  CHECK(ask(sql, "SELECT gap FROM events WHERE event IN (1, 7, 11)") == "0\n0.001\n0.5\n");
  CHECK(ask(sql, "SELECT gap, args FROM syscalls WHERE event = 8") ==
        "0.0001|option=PR_SET_NAME, second=\"worker\", third=0, fourth=0, fifth=0\n");
}

TEST_CASE("sql: a syscall has its arguments by number and in words, and its error by name") {
  SmallTrace trace;
  Sql sql = trace.open();
  CHECK(ask(sql, "SELECT nr, name, result, errno, arg0, arg2, arg3 FROM syscalls WHERE event IN (3, 4)") ==
        "0|read|5|-|3|512|-\n257|openat|-2|ENOENT|-100|0|0\n");
  CHECK(ask(sql, "SELECT args FROM syscalls WHERE event = 3") == "fd=3, buf=\"hello\", count=512\n");
  CHECK(ask(sql, "SELECT event FROM syscalls WHERE args LIKE '%/etc/hosts%'") == "2\n");
}

TEST_CASE("sql: signals, switches and instructions have columns of their own") {
  SmallTrace trace;
  Sql sql = trace.open();
  CHECK(ask(sql, "SELECT event, task, name, how, handler FROM signals") == "11|2|SIGTERM|asynchronous|4198400\n");
  CHECK(ask(sql, "SELECT event, task, given, previous, points FROM switches") ==
        "7|2|after_event|1|4\n13|1|task_end|2|0\n");
  CHECK(ask(sql, "SELECT event, name, result, pc FROM instructions") == "10|rdtsc|99|4194304\n");
}

TEST_CASE("sql: parts of events are rows, in order, with their bytes") {
  SmallTrace trace;
  Sql sql = trace.open();
  CHECK(ask(sql, "SELECT event, name, argument, address, bytes, data FROM memory") == "3|read|1|8192|5|hello\n");
  CHECK(ask(sql, "SELECT event, text FROM inputs WHERE name = 'write'") == "9|\"a\\\"b\\n\"\n");
  CHECK(ask(sql,
            "SELECT e.name, length(i.data) FROM events e JOIN inputs i ON i.event = e.event ORDER BY e.event DESC") ==
        "write|4\nprctl|7\nopenat|6\nopenat|11\n");
}

TEST_CASE("sql: an event with several parts of one role gives a row for each") {
  TemporaryFolder folder;
  TraceMaker maker(folder.path() + "/t");
  maker.add(syscall_event(19, 6, {3, 0x1000, 2}, 1, 0, {written(1, "one"), passed(1, "x"), written(1, "two")}));
  maker.add(syscall_event(39, 5, {}));
  REQUIRE(maker.finish());
  Sql sql = Sql::open(folder.path() + "/t").value();
  CHECK(ask(sql, "SELECT event, part, data FROM memory") == "1|0|one\n1|2|two\n");
  CHECK(ask(sql, "SELECT event, part, data FROM inputs") == "1|1|x\n");
}

TEST_CASE("sql: a condition on event, time, task, kind or name skips chunks") {
  TemporaryFolder folder;
  TraceMaker maker(folder.path() + "/t");
  for (uint32_t chunk = 0; chunk < 20; ++chunk) {
    for (uint32_t i = 0; i < 10; ++i) maker.add(syscall_event(chunk, 0, {i}, 1 + chunk, chunk * 1000 + i));
    maker.end_chunk();
  }
  REQUIRE(maker.finish());
  auto chunks_for = [&](const std::string& question, const std::string& expected) {
    Sql sql = Sql::open(folder.path() + "/t").value();
    CHECK(ask(sql, question) == expected);
    return sql.chunks_read();
  };
  CHECK(chunks_for("SELECT sum(result) + count(*) FROM events", "200\n") == 20);
  CHECK(chunks_for("SELECT arg0 FROM syscalls WHERE event = 37", "6\n") == 1);
  CHECK(chunks_for("SELECT count(arg0) FROM syscalls WHERE event BETWEEN 35 AND 44", "10\n") == 2);
  CHECK(chunks_for("SELECT count(arg0) FROM syscalls WHERE time >= 1.8", "20\n") == 2);
  CHECK(chunks_for("SELECT count(arg0) FROM syscalls WHERE time < 0.09", "10\n") == 1);
  CHECK(chunks_for("SELECT count(arg0) FROM syscalls WHERE task = 7", "10\n") == 1);
  CHECK(chunks_for("SELECT count(arg0) FROM syscalls WHERE nr = 7", "10\n") == 1);
  CHECK(chunks_for("SELECT count(arg0) FROM syscalls WHERE name = 'read'", "10\n") == 1);
  CHECK(chunks_for("SELECT count(result) FROM events WHERE kind = 'signal'", "0\n") == 0);
  CHECK(chunks_for("SELECT arg0 FROM syscalls ORDER BY event DESC LIMIT 1", "9\n") == 1);
  CHECK(chunks_for("SELECT count(*) FROM signals", "0\n") == 0);
}

namespace {

std::vector<MadeEvent> random_events(std::mt19937& random, size_t count) {
  std::vector<MadeEvent> events;
  uint32_t time = 0;
  for (size_t i = 0; i < count; ++i) {
    auto kind = static_cast<abi::EventKind>(1 + random() % 10);
    MadeEvent event = {.kind = kind,
                       .number = static_cast<uint16_t>(random() % 5),
                       .task = 1 + static_cast<uint32_t>(random() % 70),
                       .time_100us = time += static_cast<uint32_t>(random() % 3),
                       .result = static_cast<int64_t>(random() % 100) - 50};
    if (kind == abi::EventKind::syscall) event.args = {random() % 10, random() % 10};
    events.push_back(event);
  }
  return events;
}

struct Condition {
  const char* column;
  int64_t (*value)(const MadeEvent&, size_t place);
  int64_t range;
};
constexpr Condition kConditions[] = {
    {"event", [](const MadeEvent&, size_t place) { return static_cast<int64_t>(place) + 1; }, 2100},
    {"task", [](const MadeEvent& event, size_t) { return int64_t{event.task}; }, 75},
    {"number", [](const MadeEvent& event, size_t) { return int64_t{event.number}; }, 6},
    {"round(time * 10000)", [](const MadeEvent& event, size_t) { return int64_t{event.time_100us}; }, 2100},
    {"result", [](const MadeEvent& event, size_t) { return event.result; }, 60},
};
constexpr const char* kOperators[] = {"=", "<", "<=", ">", ">="};

bool holds(int64_t left, size_t op, int64_t right) {
  switch (op) {
    case 0:
      return left == right;
    case 1:
      return left < right;
    case 2:
      return left <= right;
    case 3:
      return left > right;
    default:
      return left >= right;
  }
}

}  // namespace

TEST_CASE("sql: any mix of conditions gives what a plain scan gives") {
  uint32_t seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  TemporaryFolder folder;
  TraceMaker maker(folder.path() + "/t");
  auto events = random_events(random, 2000);
  for (size_t i = 0; i < events.size(); ++i) {
    maker.add(events[i]);
    if (random() % 100 == 0) maker.end_chunk();
  }
  REQUIRE(maker.finish());
  Sql sql = Sql::open(folder.path() + "/t").value();
  for (int round = 0; round < 300; ++round) {
    std::vector<bool> wanted(events.size(), true);
    std::string where = "1";
    for (size_t count = random() % 4; count > 0; --count) {
      const Condition& condition = kConditions[random() % std::size(kConditions)];
      size_t op = random() % std::size(kOperators);
      int64_t value = static_cast<int64_t>(random()) % (condition.range + 2) - 1;
      where += text(" AND ", condition.column, " ", kOperators[op], " ", value);
      for (size_t i = 0; i < events.size(); ++i)
        if (!holds(condition.value(events[i], i), op, value)) wanted[i] = false;
    }
    bool descending = random() % 2;
    std::string expected;
    for (size_t i = 0; i < events.size(); ++i)
      if (size_t place = descending ? events.size() - 1 - i : i; wanted[place]) expected += text(place + 1, "\n");
    CAPTURE(where);
    CHECK(ask(sql, text("SELECT event FROM events WHERE ", where, " ORDER BY event", descending ? " DESC" : "")) ==
          expected);
  }
}

TEST_CASE("sql: comparisons with fractions, texts, NULL and numbers out of range are exact") {
  SmallTrace trace;
  Sql sql = trace.open();
  auto count = [&](const std::string& where) { return ask(sql, "SELECT count(*) FROM events WHERE " + where); };
  CHECK(count("event < 2.5") == "2\n");
  CHECK(count("event > 13.5") == "2\n");
  CHECK(count("event = 2.5") == "0\n");
  CHECK(count("event = '3'") == "1\n");
  CHECK(count("event = 'three'") == "0\n");
  CHECK(count("event < 'three'") == "15\n");
  CHECK(count("event = NULL") == "0\n");
  CHECK(count("event > -5") == "15\n");
  CHECK(count("event < -5") == "0\n");
  CHECK(count("event < 1e300") == "15\n");
  CHECK(count("event > 9223372036854775807") == "0\n");
  CHECK(count("kind = 'SYSCALL'") == "0\n");
  CHECK(count("kind = 'SYSCALL' COLLATE NOCASE") == "7\n");
  CHECK(count("kind = 'nonsense'") == "0\n");
  CHECK(count("name = 'signal'") == "0\n");
  CHECK(count("name = 'image'") == "1\n");
}

TEST_CASE("sql: what is wrong with a statement is said in one line") {
  SmallTrace trace;
  Sql sql = trace.open();
  auto wrong = [&](const std::string& question) {
    CAPTURE(question);
    auto statement = sql.prepare(question);
    REQUIRE(!statement);
    CHECK(statement.error().code == Code::usage);
    CHECK(statement.error().message.find('\n') == std::string::npos);
    return statement.error().message;
  };
  CHECK(wrong("SELECT * FROM nowhere").find("no such table: nowhere") != std::string::npos);
  CHECK(wrong("SELECT bad FROM events").find("no such column: bad") != std::string::npos);
  CHECK(wrong("SELEC 1").find("syntax error") != std::string::npos);
  CHECK(wrong("").find("no statement") != std::string::npos);
  CHECK(wrong("-- nothing").find("no statement") != std::string::npos);
  CHECK(wrong("SELECT 1; SELECT 2").find("one at a time") != std::string::npos);
  for (const char* change : {"DELETE FROM tasks", "DROP TABLE tasks", "CREATE TABLE x(y)",
                             "INSERT INTO events VALUES(1)", "ATTACH '/tmp/never-made' AS x", "PRAGMA journal_mode=WAL",
                             "CREATE TEMP TABLE x(y)", "VACUUM INTO '/tmp/x'", "UPDATE meta SET value=0"})
    wrong(change);
  CHECK(ask(sql, "SELECT 1;  ") == "1\n");
}

TEST_CASE("sql: a damaged chunk ends the answer with the trace's error") {
  SmallTrace trace;
  std::string events = trace.folder.path() + "/t/events";
  std::FILE* file = std::fopen(events.c_str(), "r+b");
  REQUIRE(file);
  std::fseek(file, 150, SEEK_SET);
  std::fputs("\xff\xff\xff", file);
  std::fclose(file);
  Sql sql = trace.open();
  auto statement = sql.prepare("SELECT args FROM events");
  REQUIRE(statement);
  auto first = statement->next();
  REQUIRE(!first);
  CHECK(first.error().code == Code::corrupt);
  auto indexed = sql.prepare("SELECT * FROM tasks");
  REQUIRE(!indexed);
  CHECK(indexed.error().code == Code::corrupt);
}

TEST_CASE("sql: every table is listed with its columns") {
  SmallTrace trace;
  Sql sql = trace.open();
  auto tables = sql.tables();
  CHECK(tables.size() == 17);
  for (const SqlTable& table : tables) {
    CAPTURE(table.name);
    CHECK(!table.columns.empty());
    CHECK(ask(sql, "SELECT * FROM " + table.name).find("error") == std::string::npos);
  }
}
