// A prepared SQLite statement that finalises itself. Private to trace_sql.
//
// Threads: as its connection.
// Errors:  false and the connection's own error state: the caller knows what it means.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace ckpt::sql {

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Prepared = std::unique_ptr<sqlite3_stmt, Finalize>;

inline Prepared prepare(sqlite3* db, const char* text) {
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(db, text, -1, &statement, nullptr);
  return Prepared(statement);
}

// What can be bound: nothing, a number, text that outlives the step.
using Binding = std::variant<std::monostate, int64_t, double, std::string_view>;

// NULL instead of a missing number.
inline Binding maybe(const std::optional<int64_t>& value) {
  return value ? Binding(*value) : Binding();
}

// Binds, steps to the end, resets. For statements that give no rows.
inline bool run(sqlite3_stmt* statement, std::initializer_list<Binding> bindings) {
  if (!statement) return false;
  int place = 0;
  for (const Binding& binding : bindings) {
    ++place;
    if (auto* number = std::get_if<int64_t>(&binding))
      sqlite3_bind_int64(statement, place, *number);
    else if (auto* real = std::get_if<double>(&binding))
      sqlite3_bind_double(statement, place, *real);
    else if (auto* words = std::get_if<std::string_view>(&binding))
      sqlite3_bind_text64(statement, place, words->data(), words->size(), SQLITE_STATIC, SQLITE_UTF8);
    else
      sqlite3_bind_null(statement, place);
  }
  bool done = sqlite3_step(statement) == SQLITE_DONE;
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  return done;
}

// The first column of the first row as a number, or nothing.
inline std::optional<int64_t> number(sqlite3* db, const char* text) {
  Prepared statement = prepare(db, text);
  if (!statement || sqlite3_step(statement.get()) != SQLITE_ROW) return std::nullopt;
  return sqlite3_column_int64(statement.get(), 0);
}

}  // namespace ckpt::sql
