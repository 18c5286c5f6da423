#include "trace/store/index.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <vector>

#include "trace/store/index_rows.h"
#include "trace/store/sql_statement.h"

namespace ckpt {
namespace {

constexpr const char* kSchema =
#include "trace/store/index_sql.inc"
    ;
constexpr int kVersion = 1;
constexpr int kApplication = 0x634B7054;  // "cKpT"
constexpr int kBusyMs = 60'000;
constexpr int kAttempts = 3;
constexpr uint64_t kEventsPerCommit = 2'000'000;

struct CloseDatabase {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;

bool execute(sqlite3* db, const std::string& text) {
  return sqlite3_exec(db, text.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
}

Database open_database(const std::string& path, int flags) {
  sqlite3* db = nullptr;
  int failed = sqlite3_open_v2(path.c_str(), &db, flags | SQLITE_OPEN_NOFOLLOW, nullptr);
  Database owned(db);
  if (failed) return nullptr;
  // The file may have been made by anybody: nothing in it may act, and damage must be noticed.
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_busy_timeout(db, kBusyMs);
  execute(db, "PRAGMA cell_size_check=ON; PRAGMA foreign_keys=OFF");
  return owned;
}

// The statements that made the database's tables, to compare.
std::string schema_of(sqlite3* db) {
  std::string all;
  sql::Prepared list = sql::prepare(db, "SELECT type, name, sql FROM sqlite_master ORDER BY name");
  if (!list) return "unreadable";
  while (sqlite3_step(list.get()) == SQLITE_ROW)
    for (int i = 0; i < 3; ++i)
      if (auto* words = reinterpret_cast<const char*>(sqlite3_column_text(list.get(), i))) all += text(words, ";");
  return all;
}

std::string identity_of(const TraceHeader& header) {
  return text(header.started_ns, ".", header.pid);
}

bool fill_empty(sqlite3* db, const TraceHeader& header) {
  if (!execute(db, text("PRAGMA application_id=", kApplication, "; PRAGMA user_version=", kVersion))) return false;
  if (!execute(db, kSchema)) return false;
  sql::Prepared meta = sql::prepare(db, "INSERT INTO meta VALUES(?1,?2)");
  sql::Binding pid = header.pid > 0 ? sql::Binding(int64_t{header.pid}) : sql::Binding();
  std::string arguments;
  for (const std::string& argument : header.argv) arguments += text(arguments.empty() ? "" : " ", argument);
  sql::Prepared process = sql::prepare(
      db, "INSERT INTO processes(pid,program,arguments,working_directory,first_event) VALUES(?1,?2,?3,?4,1)");
  return sql::run(meta.get(), {"trace", identity_of(header)}) && sql::run(meta.get(), {"events", int64_t{0}}) &&
         sql::run(process.get(), {pid, header.program, arguments, header.working_directory});
}

// Whether the database is an index of this trace that this code can use.
bool is_usable(sqlite3* db, const TraceHeader& header) {
  if (sql::number(db, "PRAGMA application_id") != kApplication) return false;
  if (sql::number(db, "PRAGMA user_version") != kVersion) return false;
  static const std::string expected = [] {
    Database plain = open_database(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    return execute(plain.get(), kSchema) ? schema_of(plain.get()) : std::string();
  }();
  if (schema_of(db) != expected) return false;
  sql::Prepared same = sql::prepare(db, "SELECT value = ?1 FROM meta WHERE key = 'trace'");
  std::string identity = identity_of(header);
  sqlite3_bind_text(same.get(), 1, identity.c_str(), -1, SQLITE_STATIC);
  return sqlite3_step(same.get()) == SQLITE_ROW && sqlite3_column_int(same.get(), 0) == 1;
}

// Makes the tables, unless another process just did.
bool prepare_tables(sqlite3* db, const TraceHeader& header) {
  if (!execute(db, "BEGIN IMMEDIATE")) return false;
  bool good = schema_of(db).empty() ? fill_empty(db, header) : is_usable(db, header);
  return execute(db, good ? "COMMIT" : "ROLLBACK") && good;
}

Database open_in_memory(const TraceHeader& header) {
  Database db = open_database(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  if (!db || !fill_empty(db.get(), header)) return nullptr;
  return db;
}

// The index file, made or made anew if need be; nothing if the folder does not allow it.
Database open_in_folder(const std::string& path, const TraceHeader& header) {
  if (access(path.substr(0, path.find_last_of('/')).c_str(), W_OK) != 0) {
    Database db = open_database(path, SQLITE_OPEN_READONLY);
    return db && is_usable(db.get(), header) ? std::move(db) : nullptr;
  }
  for (int attempt = 0; attempt < 2; ++attempt) {
    // SQLite would make it readable by everybody that the umask allows.
    int fd = open(path.c_str(), O_CREAT | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0) {
      close(fd);
      Database db = open_database(path, SQLITE_OPEN_READWRITE);
      if (db && prepare_tables(db.get(), header)) return db;
    }
    unlink((path + "-journal").c_str());
    if (unlink(path.c_str()) != 0) return nullptr;
  }
  return nullptr;
}

}  // namespace

struct Index::State {
  std::string path;
  TraceHeader header;
  Database db;
  bool memory = false;

  bool use_memory() {
    memory = true;
    db = open_in_memory(header);
    return db != nullptr;
  }
  uint64_t indexed() const {
    return static_cast<uint64_t>(sql::number(db.get(), "SELECT value FROM meta WHERE key='events'").value_or(0));
  }
  bool write(IndexRows& rows, const std::vector<ChunkInfo>& chunks, uint64_t events);
  // True if done; false if SQLite refused; an error if the chunks cannot be read.
  Result<bool> add_missing(Reader& reader, const Progress& progress);
  Result<bool> add_chunks(Reader& reader, const std::vector<ChunkInfo>& chunks, const Progress& progress);
};

bool Index::State::write(IndexRows& rows, const std::vector<ChunkInfo>& chunks, uint64_t events) {
  sql::Prepared insert = sql::prepare(db.get(), "INSERT OR REPLACE INTO chunks VALUES(?1,?2,?3,?4,?5,?6,?7)");
  for (const ChunkInfo& chunk : chunks) {
    bool written =
        sql::run(insert.get(), {static_cast<int64_t>(chunk.first.value), int64_t{chunk.count},
                                static_cast<int64_t>(chunk.offset), int64_t{chunk.raw_bytes},
                                int64_t{chunk.stored_bytes}, chunk.min_time_100us / 1e4, chunk.max_time_100us / 1e4});
    if (!written) return false;
  }
  sql::Prepared done = sql::prepare(db.get(), "UPDATE meta SET value=?1 WHERE key='events'");
  return rows.write(db.get()) && sql::run(done.get(), {static_cast<int64_t>(events)});
}

Result<bool> Index::State::add_chunks(Reader& reader, const std::vector<ChunkInfo>& chunks, const Progress& progress) {
  uint64_t done = indexed(), written = done;
  uint64_t total = chunks.back().end().value - 1;
  if (done > total) return false;
  IndexRows rows(header);
  std::vector<ChunkInfo> added;
  for (const ChunkInfo& chunk : chunks) {
    if (chunk.first.value <= done) continue;
    CKPT_TRY(ChunkView view, reader.read_chunk(chunk));
    uint64_t number = chunk.first.value;
    for (EventView event : view.range()) rows.add({number++}, event);
    added.push_back(chunk);
    done = number - 1;
    if (progress) progress(done, total);
    if (done - written < kEventsPerCommit && done < total) continue;
    if (!write(rows, added, done)) return false;
    if (done < total && !execute(db.get(), "COMMIT; BEGIN IMMEDIATE")) return false;
    if (indexed() != done) return false;  // another process went on in between: let the caller look again
    added.clear();
    written = done;
  }
  return true;
}

Result<bool> Index::State::add_missing(Reader& reader, const Progress& progress) {
  CKPT_TRY(std::vector<ChunkInfo> chunks, reader.chunks());
  if (chunks.empty() || indexed() == chunks.back().end().value - 1) return true;
  if (!execute(db.get(), "BEGIN IMMEDIATE")) return false;
  Result<bool> added = add_chunks(reader, chunks, progress);
  bool good = added && *added;
  bool ended = execute(db.get(), good ? "COMMIT" : "ROLLBACK");
  if (!added) return added.error();
  return good && ended;
}

Index::Index(std::unique_ptr<State> state) : state_(std::move(state)) {}
Index::Index(Index&&) noexcept = default;
Index& Index::operator=(Index&&) noexcept = default;
Index::~Index() = default;

Result<Index> Index::open(const Reader& reader) {
  auto state = std::make_unique<State>();
  state->path = reader.folder() + "/index.sqlite";
  state->header = reader.header();
  state->db = open_in_folder(state->path, state->header);
  if (!state->db && !state->use_memory())
    return Error{.code = Code::io, .message = "index: SQLite cannot make a database in memory"};
  return Index(std::move(state));
}

Result<void> Index::update(Reader& reader, const Progress& progress) {
  // The file may be read-only, full or damaged, or another process may have gone on with it
  // while we let go: look again, and if that does not help, memory always works.
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    CKPT_TRY(bool done, state_->add_missing(reader, progress));
    if (done) return {};
  }
  if (state_->use_memory()) {
    CKPT_TRY(bool made, state_->add_missing(reader, progress));
    if (made) return {};
  }
  return Error{.code = Code::io, .message = text("index of ", reader.folder(), ": ", sqlite3_errmsg(connection()))};
}

sqlite3* Index::connection() const {
  return state_->db.get();
}
bool Index::in_memory() const {
  return state_->memory;
}

}  // namespace ckpt
