// Which events a query wants. Private to trace_sql.
//
// A Filter may let through more than the query asks, never less: SQLite checks each row again.
//
// Threads: a value.
// Errors:  none: a condition it cannot use leaves it as it was.
#pragma once

#include <sqlite3.h>

#include <cstdint>

#include "trace/store/reader.h"

namespace ckpt::sql {

// What a column is to the filter.
enum class Push : uint8_t { none, event, time, task, kind, number, name };

enum class Comparison : uint8_t { equal, at_least, at_most };

// All conditions hold. Ranges include their ends.
struct Filter {
  uint64_t first_event = 1, last_event = UINT64_MAX;
  uint64_t first_time = 0, last_time = UINT64_MAX;  // 100 µs
  uint64_t first_task = 0, last_task = UINT64_MAX;
  uint64_t first_number = 0, last_number = UINT64_MAX;
  uint64_t kinds = UINT64_MAX;  // bit of each EventKind
  bool nothing = false;         // no event meets the conditions
  bool descending = false;

  // Adds the condition `column comparison value`.
  void add(Push push, Comparison comparison, sqlite3_value* value);

  // From the frame alone: whether the chunk can hold a wanted event.
  bool may_match(const ChunkInfo& chunk) const;
  // All but the range of event numbers.
  bool matches(abi::EventKind kind, uint16_t number, uint32_t task, uint32_t time_100us) const;
};

}  // namespace ckpt::sql
