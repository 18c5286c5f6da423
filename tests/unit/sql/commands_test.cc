// ckpt, ckpt-trace and ckpt-doctor as a user meets them: answers, messages, exit statuses.
#include <doctest/doctest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "tests/unit/sql/run_command.h"

using namespace ckpt;
using namespace ckpt::testing;

namespace {

// A store of its own, with a trace `small-1`.
struct Store {
  Store() {
    setenv("CKPT_TRACE_DIR", folder.path().c_str(), 1);
    TraceMaker maker(folder.path() + "/small-1");
    make_small_trace(maker);
    REQUIRE(maker.finish());
  }
  ~Store() { unsetenv("CKPT_TRACE_DIR"); }
  std::string path(const std::string& name) const { return folder.path() + "/" + name; }
  TemporaryFolder folder;
};

bool exists(const std::string& path) {
  struct stat facts;
  return lstat(path.c_str(), &facts) == 0;
}

// One line, in the form every message has.
bool is_one_message(const std::string& words) {
  return words.starts_with("ckpt: ") && std::count(words.begin(), words.end(), '\n') == 1 && words.ends_with('\n');
}

void damage(const std::string& file, long offset) {
  std::FILE* open = std::fopen(file.c_str(), "r+b");
  REQUIRE(open);
  std::fseek(open, offset, SEEK_SET);
  std::fputs("\xff\xfe\xff", open);
  std::fclose(open);
}

}  // namespace

TEST_CASE("ckpt: becomes the command it is asked for, and names what it does not know") {
  Store store;
  Ran same = run_command({"ckpt", "trace", "ls"});
  CHECK(same.status == 0);
  CHECK(same.out == run_command({"ckpt-trace", "ls"}).out);
  CHECK(run_command({"ckpt", "--version"}).out.starts_with("ckpt "));
  CHECK(run_command({"ckpt", "--help"}).out.find("doctor") != std::string::npos);
  CHECK(run_command({"ckpt", "help", "trace"}).out.find("query") != std::string::npos);
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{
           {"ckpt"}, {"ckpt", "frobnicate"}, {"ckpt", "--frobnicate"}, {"ckpt", "../ckpt-trace"}, {"ckpt", ""}}) {
    Ran ran = run_command(wrong);
    CHECK(ran.status == 2);
    CHECK(is_one_message(ran.err));
  }
}

TEST_CASE("ckpt-trace: bad usage is one line and 2, what cannot be read is one line and 125") {
  Store store;
  using Words = std::vector<std::string>;
  for (const Words& wrong : {Words{"ckpt-trace"},
                             {"ckpt-trace", "--frobnicate"},
                             {"ckpt-trace", "frobnicate"},
                             {"ckpt-trace", "query", "small-1"},
                             {"ckpt-trace", "query", "small-1", "SELECT"},
                             {"ckpt-trace", "query", "small-1", "SELECT * FROM nowhere"},
                             {"ckpt-trace", "query", "small-1", "DELETE FROM tasks"},
                             {"ckpt-trace", "query", "small-1", "--files", "--slow"},
                             {"ckpt-trace", "query", "small-1", "--json", "--csv", "SELECT 1"},
                             {"ckpt-trace", "dump", "small-1", "--events", "9..2"},
                             {"ckpt-trace", "dump", "small-1", "--events", "many"},
                             {"ckpt-trace", "rm"}}) {
    Ran ran = run_command(wrong);
    CAPTURE(ran.err);
    CHECK(ran.status == 2);
    CHECK(ran.out.empty());
    CHECK(is_one_message(ran.err));
  }
  for (const Words& wrong : {Words{"ckpt-trace", "info", "nothing-1"},
                             {"ckpt-trace", "dump", "/nowhere/at/all"},
                             {"ckpt-trace", "query", "/", "SELECT 1"},
                             {"ckpt-trace", "info"}}) {
    Ran ran = run_command(wrong);
    CAPTURE(ran.err);
    CHECK(ran.status == 125);
    CHECK(ran.out.empty());
    CHECK(is_one_message(ran.err));
  }
}

TEST_CASE("ckpt-trace query: as table, JSON lines and CSV") {
  Store store;
  std::string question =
      "SELECT event, name, errno, data FROM syscalls LEFT JOIN memory USING(event) WHERE event IN (3, 4)";
  CHECK(run_command({"ckpt-trace", "query", "small-1", "SELECT event, name FROM syscalls WHERE event < 4"}).out ==
        "event  name\n    2  openat\n    3  read\n");
  CHECK(run_command({"ckpt-trace", "query", "small-1", "--json",
                     "SELECT event, kind, errno, 1.5 AS r, x'00ff' AS b "
                     "FROM syscalls JOIN events USING(event) WHERE event = 3"})
            .out == "{\"event\":3,\"kind\":\"syscall\",\"errno\":null,\"r\":1.5,\"b\":\"00ff\"}\n");
  CHECK(run_command({"ckpt-trace", "query", "small-1", "--csv", "SELECT event, args FROM syscalls WHERE event = 9"})
            .out == "event,args\n9,\"fd=1, buf=\"\"a\\\"\"b\\n\"\", count=4\"\n");
  for (const char* asked : {"--syscalls", "--threads", "--files", "--slow", "--switches", "--tables"}) {
    Ran ran = run_command({"ckpt-trace", "query", "small-1", asked});
    CAPTURE(asked);
    CHECK(ran.status == 0);
    CHECK(ran.err.empty());
    CHECK(std::count(ran.out.begin(), ran.out.end(), '\n') > 1);
  }
}

TEST_CASE("ckpt-trace: what a trace holds cannot act on a terminal") {
  Store store;
  TraceMaker maker(store.path("wild-1"));
  maker.add(
      syscall_event(2, -2, {0x1000, 0, 0}, 1, 0, {passed(0, std::string("/a\x1b[31m\n\xc2\x9b\xff", 12) + '\0')}));
  REQUIRE(maker.finish());
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"ckpt-trace", "query", "wild-1", "SELECT path FROM files"}, {"ckpt-trace", "dump", "wild-1"}}) {
    Ran ran = run_command(words);
    CAPTURE(ran.out);
    CHECK(ran.status == 0);
    CHECK(ran.out.find('\x1b') == std::string::npos);
    CHECK(ran.out.find('\x9b') == std::string::npos);
    CHECK(ran.out.find("\\x1b[31m") != std::string::npos);
  }
  Ran json = run_command({"ckpt-trace", "query", "wild-1", "--json", "SELECT path FROM files"});
  CHECK(json.out == "{\"path\":\"/a\\u001b[31m\\u000a\xc2\x9b\\ufffd\"}\n");
}

TEST_CASE("ckpt-trace dump: events in words, by range and by task") {
  Store store;
  CHECK(run_command({"ckpt-trace", "dump", "small-1", "--events", "3"}).out ==
        "3  0.0012  task 1  read(fd=3, buf=\"hello\", count=512) = 5\n    output arg1  0x2000  5 bytes  \"hello\"\n");
  auto lines = [](const std::string& words) { return std::count(words.begin(), words.end(), '\n'); };
  CHECK(lines(run_command({"ckpt-trace", "dump", "small-1", "--task", "2", "--json"}).out) == 7);
  CHECK(lines(run_command({"ckpt-trace", "dump", "small-1", "--events", "..4", "--json"}).out) == 4);
  CHECK(lines(run_command({"ckpt-trace", "dump", "small-1", "--events", "14..", "--json"}).out) == 2);
  CHECK(run_command({"ckpt-trace", "dump", "small-1", "--events", "100..200"}).out.empty());
}

TEST_CASE("ckpt-trace: a trace without an end is answered, and it is said why") {
  Store store;
  std::string events = "SELECT count(*) FROM events";
  SUBCASE("its recorder was killed") {
    {
      TraceMaker maker(store.path("cut-1"));
      make_small_trace(maker);
      maker.end_chunk();
    }
    Ran ran = run_command({"ckpt-trace", "query", "cut-1", "--csv", events});
    CHECK(ran.out == "count(*)\n15\n");
    CHECK(ran.err == "ckpt: trace cut-1: its recorder was killed; its first 15 events are whole\n");
    CHECK(run_command({"ckpt-trace", "verify", "cut-1"}).status == 0);
  }
  SUBCASE("it is being recorded") {
    auto folder = store.path("live-1");
    Writer writer = Writer::create(folder, header_of(0)).value();
    REQUIRE(writer.append(bytes_of(syscall_event(39, 1, {}))).ok());
    REQUIRE(writer.flush().ok());
    Ran ran = run_command({"ckpt-trace", "query", "live-1", "--csv", events});
    CHECK(ran.out == "count(*)\n1\n");
    CHECK(ran.err == "ckpt: trace live-1: is still being recorded; this is its first 1 events\n");
    CHECK(run_command({"ckpt-trace", "rm", "live-1"}).status == 2);
    CHECK(exists(folder));
  }
}

TEST_CASE("ckpt-trace verify: 0 for a whole trace, 1 for a damaged one") {
  Store store;
  CHECK(run_command({"ckpt-trace", "verify", "small-1"}).status == 0);
  damage(store.path("small-1/events"), 150);
  Ran ran = run_command({"ckpt-trace", "verify", "small-1"});
  CHECK(ran.status == 1);
  CHECK(ran.err.starts_with("ckpt: small-1/events: byte "));
  CHECK(run_command({"ckpt-trace", "query", "small-1", "SELECT args FROM events"}).status == 125);
  CHECK(run_command({"ckpt-trace", "dump", "small-1"}).status == 125);
}

TEST_CASE("ckpt-trace ls, info and rm: the traces of the store") {
  Store store;
  REQUIRE(symlink("small-1", store.path("latest").c_str()) == 0);
  CHECK(run_command({"ckpt-trace", "ls", "--csv"}).out.find("small-1,/usr/bin/server,15,") != std::string::npos);
  CHECK(run_command({"ckpt-trace", "info", "--json"}).out.starts_with("{\"name\":\"small-1\","));
  REQUIRE(mkdir(store.path("other").c_str(), 0700) == 0);
  Ran refused = run_command({"ckpt-trace", "rm", store.path("other")});
  CHECK(refused.status == 125);
  CHECK(is_one_message(refused.err));
  CHECK(exists(store.path("other")));
  TraceMaker second(store.path("small-2"));
  REQUIRE(second.finish());
  CHECK(run_command({"ckpt-trace", "rm", "small-1"}).status == 0);
  CHECK(!exists(store.path("small-1")));
  CHECK(run_command({"ckpt-trace", "info", "--json"}).out.starts_with("{\"name\":\"small-2\","));
}

TEST_CASE("ckpt-trace rm: leaves files that are of no trace") {
  Store store;
  std::ofstream(store.path("small-1/diary.txt")) << "mine";
  Ran ran = run_command({"ckpt-trace", "rm", "small-1"});
  CHECK(ran.status == 125);
  CHECK(exists(store.path("small-1/diary.txt")));
  CHECK(!exists(store.path("small-1/events")));
}

namespace {

// As containers do: what debuggers and profilers need is denied.
void deny_debugging() {
  // The leak checker of a sanitized build is a debugger of its own.
  setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
  constexpr uint32_t kDenied[] = {SYS_ptrace, SYS_perf_event_open, SYS_personality, SYS_userfaultfd};
  std::vector<sock_filter> code = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (uint32_t number : kDenied) {
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
    code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
  }
  code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  sock_fprog program = {.len = static_cast<unsigned short>(code.size()), .filter = code.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    _exit(98);
}

}  // namespace

TEST_CASE("ckpt-doctor: says what is there, also where debugging is denied") {
  Ran plain = run_command({"ckpt-doctor"});
  CHECK(plain.status == 0);
  CHECK(plain.out.starts_with("thing "));
  for (const char* thing :
       {"syscall user dispatch", "seccomp filter", "FSGSBASE", "PR_SET_TSC", "userfaultfd", "PAGEMAP_SCAN", "ptrace",
        "AVX-512", "open files", "vm.max_map_count", "disk of the store", "kernel"})
    CHECK(plain.out.find(thing) != std::string::npos);
  Ran denied = run_command({"ckpt-doctor", "--json"}, deny_debugging);
  CHECK(denied.status == 0);
  CHECK(denied.out.find("{\"thing\":\"ptrace\",\"offered\":\"no: Operation not permitted\"") != std::string::npos);
  CHECK(denied.out.find("{\"thing\":\"userfaultfd\",\"offered\":\"no: Operation not permitted\"") != std::string::npos);
  CHECK(run_command({"ckpt-doctor", "--frobnicate"}).status == 2);
}
