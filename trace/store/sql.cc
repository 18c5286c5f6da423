#include "trace/store/sql.h"

#include <sqlite3.h>

#include <cstring>
#include <set>

#include "trace/store/sql_statement.h"
#include "trace/store/sql_table.h"

namespace ckpt {
namespace {

using sql::Prepared;

// What a statement was found to use while it was prepared.
struct Uses {
  const sql::TraceSource& trace;
  bool index = false;
  std::string refused{};  // what it wanted that only changes things
};

constexpr const char* kIndexTables[] = {"meta", "chunks", "processes", "tasks", "mappings", "files", "marks", "counts"};

bool is_index_table(const char* name) {
  for (const char* table : kIndexTables)
    if (name && std::strcmp(name, table) == 0) return true;
  return false;
}

// Asked by SQLite for each thing a statement would do: reading is all that is allowed.
int authorize(void* context, int action, const char* first, const char* second, const char*, const char*) {
  auto* uses = static_cast<Uses*>(context);
  if (uses->trace.declaring) return SQLITE_OK;  // SQLite reads a CREATE TABLE for that
  switch (action) {
    case SQLITE_READ:
      uses->index |= is_index_table(first);
      return SQLITE_OK;
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_FUNCTION:
      if (second && std::strcmp(second, "load_extension") == 0) break;
      return SQLITE_OK;
    case SQLITE_PRAGMA:
      if (first && (std::strcmp(first, "table_info") == 0 || std::strcmp(first, "table_xinfo") == 0)) return SQLITE_OK;
      break;
    default:
      break;
  }
  uses->refused = action == SQLITE_PRAGMA && first ? text("pragma ", first) : "a change";
  return SQLITE_DENY;
}

// What SQLite found wrong, in one line.
Error wrong_sql(sqlite3* db, const Uses& uses) {
  if (!uses.refused.empty())
    return Error{.code = Code::usage, .message = text("sql: ", uses.refused, " is refused; a trace can only be read")};
  return Error{.code = Code::usage, .message = text("sql: ", sqlite3_errmsg(db), "; see ckpt-trace query --tables")};
}

// The columns a table has, as the connection knows it.
std::vector<std::string> columns_of(sqlite3* db, const std::string& table) {
  std::vector<std::string> names;
  Prepared list = sql::prepare(db, text("PRAGMA table_info(", table, ")").c_str());
  while (list && sqlite3_step(list.get()) == SQLITE_ROW)
    names.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(list.get(), 1)));
  return names;
}

}  // namespace

// ---- Statements --------------------------------------------------------------------------

struct SqlStatement::State {
  sqlite3* db = nullptr;
  sql::TraceSource* trace = nullptr;
  Prepared statement;
  std::vector<std::string> columns;
};

SqlStatement::SqlStatement(std::unique_ptr<State> state) : state_(std::move(state)) {}
SqlStatement::SqlStatement(SqlStatement&&) noexcept = default;
SqlStatement& SqlStatement::operator=(SqlStatement&&) noexcept = default;
SqlStatement::~SqlStatement() = default;

const std::vector<std::string>& SqlStatement::columns() const {
  return state_->columns;
}

Result<bool> SqlStatement::next() {
  int status = sqlite3_step(state_->statement.get());
  if (status == SQLITE_ROW) return true;
  if (status == SQLITE_DONE) return false;
  if (state_->trace->failure) return *state_->trace->failure;
  std::string message = sqlite3_errmsg(state_->db);
  switch (status & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Error{.code = Code::corrupt, .message = text("index.sqlite: ", message, "; delete it, it is made again")};
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
      return Error{.code = Code::io, .message = text("index.sqlite: ", message)};
    default:
      return Error{.code = Code::usage, .message = text("sql: ", message)};
  }
}

SqlValue SqlStatement::value(size_t column) const {
  sqlite3_stmt* row = state_->statement.get();
  int place = static_cast<int>(column);
  switch (sqlite3_column_type(row, place)) {
    case SQLITE_INTEGER:
      return int64_t{sqlite3_column_int64(row, place)};
    case SQLITE_FLOAT:
      return sqlite3_column_double(row, place);
    case SQLITE_TEXT: {
      auto* words = reinterpret_cast<const char*>(sqlite3_column_text(row, place));
      return std::string(words, static_cast<size_t>(sqlite3_column_bytes(row, place)));
    }
    case SQLITE_BLOB: {
      auto* bytes = static_cast<const std::byte*>(sqlite3_column_blob(row, place));
      return std::vector<std::byte>(bytes, bytes + sqlite3_column_bytes(row, place));
    }
    default:
      return std::monostate();
  }
}

// ---- The connection -----------------------------------------------------------------------

struct Sql::State {
  explicit State(Reader opened, Index made) : reader(std::move(opened)), trace(reader), index(std::move(made)) {}

  Reader reader;
  sql::TraceSource trace;
  Index index;  // last: its connection knows `trace`
  sqlite3* known_to = nullptr;

  // The index may change its connection when it is updated.
  Result<void> add_tables() {
    sqlite3* db = index.connection();
    if (known_to == db) return {};
    if (!sql::add_tables(db, trace)) return Error{.code = Code::io, .message = text("sql: ", sqlite3_errmsg(db))};
    known_to = db;
    return {};
  }
};

Sql::Sql(std::unique_ptr<State> state) : state_(std::move(state)) {}
Sql::Sql(Sql&&) noexcept = default;
Sql& Sql::operator=(Sql&&) noexcept = default;
Sql::~Sql() = default;

Result<Sql> Sql::open(const std::string& folder) {
  CKPT_TRY(Reader reader, Reader::open(folder));
  CKPT_TRY(Index index, Index::open(reader));
  auto state = std::make_unique<State>(std::move(reader), std::move(index));
  CKPT_CHECK(state->trace.look());
  CKPT_CHECK(state->add_tables());
  return Sql(std::move(state));
}

Result<SqlStatement> Sql::prepare(const std::string& words, const Progress& progress) {
  auto statement = std::make_unique<SqlStatement::State>();
  statement->trace = &state_->trace;
  state_->trace.failure.reset();
  // A first look tells which tables it reads; the index is only made if it is asked.
  for (bool updated : {false, true}) {
    Uses uses{.trace = state_->trace};
    sqlite3* db = statement->db = state_->index.connection();
    sqlite3_stmt* prepared = nullptr;
    const char* rest = nullptr;
    sqlite3_set_authorizer(db, authorize, &uses);
    int failed = sqlite3_prepare_v2(db, words.c_str(), static_cast<int>(words.size()), &prepared, &rest);
    sqlite3_set_authorizer(db, nullptr, nullptr);
    statement->statement.reset(prepared);
    if (failed) return wrong_sql(db, uses);
    if (!prepared) return Error{.code = Code::usage, .message = "sql: no statement; give one, such as a select"};
    if (!sqlite3_stmt_readonly(prepared)) {
      uses.refused = "a change";  // VACUUM asks nobody
      return wrong_sql(db, uses);
    }
    if (rest && std::string_view(rest).find_first_not_of("; \t\r\n") != std::string_view::npos)
      return Error{.code = Code::usage, .message = "sql: more than one statement; give one at a time"};
    if (updated || !uses.index) break;
    statement->statement.reset();
    CKPT_CHECK(state_->index.update(state_->reader, progress));
    CKPT_CHECK(state_->add_tables());
  }
  for (int i = 0; i < sqlite3_column_count(statement->statement.get()); ++i)
    statement->columns.emplace_back(sqlite3_column_name(statement->statement.get(), i));
  return SqlStatement(std::move(statement));
}

Reader& Sql::reader() {
  return state_->reader;
}

std::vector<SqlTable> Sql::tables() const {
  std::vector<SqlTable> all;
  sqlite3* db = state_->index.connection();
  for (const sql::Table& table : sql::tables()) all.push_back({table.name, columns_of(db, table.name), table.about});
  for (const char* name : kIndexTables) all.push_back({name, columns_of(db, name), "from the index"});
  return all;
}

uint64_t Sql::chunks_read() const {
  return state_->trace.chunks_read;
}

}  // namespace ckpt
