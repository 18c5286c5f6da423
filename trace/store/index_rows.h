// What the index keeps of each event. Private to trace_sql.
//
// Collects rows in memory and writes them in one go, so that an event costs a table look-up,
// not a statement.
//
// Owns:    nothing of SQLite.
// Threads: not thread-safe.
// Errors:  write() is false if SQLite refused; the caller throws the index away.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "trace/store/event_view.h"
#include "trace/store/store.h"

struct sqlite3;

namespace ckpt {

class IndexRows final {
 public:
  explicit IndexRows(const TraceHeader& header) : header_(header) {}

  void add(EventNumber number, const EventView& event);

  // Adds what was collected to the tables, and forgets it.
  bool write(sqlite3* db);

 private:
  struct Task {
    std::optional<int64_t> tid, parent, end_event, status;
    std::optional<double> end_time;
    std::optional<std::string> name;
    int64_t start_event = 0;
    double start_time = 0;
    int64_t events = 0, turns = 0;
  };
  struct Mapping {
    int64_t event, task;
    std::string call;
    int64_t address, bytes;
    std::optional<int64_t> protection, flags, fd, file_offset;
  };
  struct File {
    int64_t event, task;
    std::string call;
    std::optional<std::string> path;
    std::optional<int64_t> flags;
    int64_t result;
  };
  struct Mark {
    int64_t event;
    std::string name, text;
  };
  struct Count {
    int64_t events = 0, errors = 0;
  };
  struct End {
    int64_t event;
    std::string how;
    int64_t status;
  };

  void add_syscall(int64_t number, const EventView& event, Task& task);
  void add_mapping(int64_t number, const EventView& event);
  void add_file(int64_t number, const EventView& event);
  bool write_tasks(sqlite3* db);
  bool write_lists(sqlite3* db);
  bool write_counts(sqlite3* db);

  const TraceHeader& header_;
  std::map<uint32_t, Task> tasks_;
  std::vector<Mapping> mappings_;
  std::vector<File> files_;
  std::vector<Mark> marks_;
  std::map<std::tuple<uint32_t, abi::EventKind, uint16_t>, Count> counts_;
  std::optional<End> end_;
};

}  // namespace ckpt
