// The SQLite index of a trace: the small facts of schemas/index.sql.
//
// It can be made from the chunks at any time, so recording does not write it: the first reader
// that needs it brings it up to date, and a trace that has grown is only read on from where the
// index ends. It lies in the trace folder as index.sqlite; where that cannot be written, it
// is made in memory. An index that is damaged, of another version or of another trace is
// thrown away.
//
// Owns:    the SQLite connection.
// Threads: not thread-safe. Processes may update the same file at once: one waits for the other.
// Errors:  io and corrupt from the chunks; what SQLite says of its file never gets out: the index
//          is then made anew, in memory if need be.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "trace/base/result.h"
#include "trace/store/reader.h"

struct sqlite3;

namespace ckpt {

// Told now and then during long work: events done, events in all.
using Progress = std::function<void(uint64_t done, uint64_t total)>;

class Index final {
 public:
  // Opens or makes the index of the trace that `reader` reads. It may be behind the trace.
  static Result<Index> open(const Reader& reader);
  Index(Index&&) noexcept;
  Index& operator=(Index&&) noexcept;
  ~Index();

  // Adds what the chunks hold beyond it. Costs the decompression of those chunks.
  Result<void> update(Reader& reader, const Progress& progress = {});

  // The connection: the index's tables are in `main`. Belongs to the Index.
  sqlite3* connection() const;
  bool in_memory() const;

 private:
  struct State;
  explicit Index(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The number of a task's kernel thread id in the index and in SQL: events of kind task_start
// give it; the first task's is the process id.
inline constexpr uint32_t kFirstTask = 1;

}  // namespace ckpt
