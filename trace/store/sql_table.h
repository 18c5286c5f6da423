// Events as SQLite virtual tables: how a table is described, and the trace it reads. Private to
// trace_sql.
//
// A table is data: a list of columns, each with a function that gives its value for an event. One
// module (sql_table.cc) serves all of them. What a query asks of the pushable columns becomes a
// Filter; chunks whose frame cannot match it are skipped, and a query that wants nothing but
// small columns reads only those.
//
// Threads: not thread-safe.
// Errors:  a chunk that cannot be read ends the statement; the reason is in TraceSource::failure.
#pragma once

#include <sqlite3.h>

#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "trace/store/reader.h"
#include "trace/store/sql_filter.h"

namespace ckpt::sql {

// The trace as the tables of one connection see it, with the chunks decoded last.
class TraceSource final {
 public:
  explicit TraceSource(Reader& reader) : reader_(reader) {}

  // Takes the chunks there are now.
  Result<void> look();

  const std::vector<ChunkInfo>& chunks() const { return chunks_; }
  uint64_t events() const { return chunks_.empty() ? 0 : chunks_.back().end().value - 1; }

  Result<ChunkView> chunk(const ChunkInfo& info);
  Result<std::shared_ptr<const ChunkColumns>> columns(const ChunkInfo& info);

  // The kernel's id of a task; nothing if the trace does not say.
  Result<std::optional<int64_t>> tid(uint32_t task);

  uint64_t chunks_read = 0;
  bool declaring = false;  // a table of ours is being made known: no statement of the user's
  std::optional<Error> failure;

 private:
  Reader& reader_;
  std::vector<ChunkInfo> chunks_;
  // Joins go back and forth between events that are near each other.
  static constexpr size_t kKept = 6;
  std::list<ChunkView> views_;
  std::list<std::shared_ptr<const ChunkColumns>> columns_;
  std::optional<std::map<uint32_t, int64_t>> tids_;
};

// One row, as a column's function sees it.
struct Row {
  TraceSource& trace;
  EventNumber number{};
  abi::EventKind kind{};
  uint16_t event_number = 0;  // the header's `number`: which syscall, signal…
  uint32_t task = 0;
  uint32_t time_100us = 0;
  uint32_t gap_100us = 0;            // since the event before it in the trace, whatever its task
  const EventView* event = nullptr;  // null when the query wants small columns only
  uint32_t part_index = 0;
  std::optional<PartView> part{};  // in tables of parts
};

struct Column {
  const char* name;
  const char* type;  // as in CREATE TABLE
  Push push;
  bool small;  // can do without Row::event
  void (*value)(sqlite3_context*, const Row&);
};

struct Table {
  const char* name;
  const char* about;
  uint64_t kinds;                      // bit of each EventKind in it
  std::optional<abi::PartRole> parts;  // a row for each part of this role instead of each event
  std::span<const Column> columns;
};

// Every table, by name.
std::span<const Table> tables();

// Makes the tables known to a connection. `trace` must outlive it.
bool add_tables(sqlite3* db, TraceSource& trace);

}  // namespace ckpt::sql
