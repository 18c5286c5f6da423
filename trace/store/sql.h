// SQL over a trace: the tables of the index, and the events as virtual tables.
//
//   events        event, time, gap, task, tid, kind, number, name, result, args
//   syscalls      event, time, gap, task, tid, nr, name, result, errno, arg0…arg5, args
//   signals, switches, instructions, calls, patches          events of one kind, in its own words
//   memory, inputs                                    the parts of events: address, bytes, data
//
// `time` is in seconds since the recording began; `gap` since the event before, of any task.
// Events are decoded when a query asks for them. Ranges of event, time and task, and values of
// kind, name and nr, choose which chunks are decompressed at all. A statement sees the trace as it
// was when this was opened. Statements can only read.
//
// Owns:    the Reader, the Index and their SQLite connection.
// Threads: not thread-safe.
// Errors:  usage for what is wrong with the statement, in SQLite's words; corrupt, io and not_found
//          from the trace.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "trace/base/result.h"
#include "trace/store/index.h"
#include "trace/store/reader.h"

namespace ckpt {

using SqlValue = std::variant<std::monostate, int64_t, double, std::string, std::vector<std::byte>>;

// A table that can be asked, for people: its name, its columns, what it holds.
struct SqlTable {
  std::string name;
  std::vector<std::string> columns;
  std::string about;
};

// A statement on its way. It must end before its Sql does.
class SqlStatement final {
 public:
  SqlStatement(SqlStatement&&) noexcept;
  SqlStatement& operator=(SqlStatement&&) noexcept;
  ~SqlStatement();

  const std::vector<std::string>& columns() const;
  // Goes to the next row: false after the last one.
  Result<bool> next();
  SqlValue value(size_t column) const;

  struct State;
  explicit SqlStatement(std::unique_ptr<State> state);

 private:
  std::unique_ptr<State> state_;
};

class Sql final {
 public:
  static Result<Sql> open(const std::string& folder);
  Sql(Sql&&) noexcept;
  Sql& operator=(Sql&&) noexcept;
  ~Sql();

  // Prepares one statement. Brings the index up to date first if the statement reads it:
  // that may take long, and is what `progress` is told of.
  Result<SqlStatement> prepare(const std::string& text, const Progress& progress = {});

  Reader& reader();
  std::vector<SqlTable> tables() const;

  // Chunks decompressed so far, whole or only their small columns. For tests and for -v.
  uint64_t chunks_read() const;

  struct State;

 private:
  explicit Sql(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ckpt
