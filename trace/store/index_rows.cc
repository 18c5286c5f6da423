#include "trace/store/index_rows.h"

#include <linux/prctl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>

#include "trace/store/index.h"
#include "trace/store/sql_print.h"
#include "trace/store/sql_statement.h"

namespace ckpt {
namespace {

constexpr uint8_t kNone = 255;

// Which arguments of a call that changes the address space mean what.
struct MappingCall {
  uint16_t number;
  uint8_t address, bytes, protection, flags, fd, offset;
  bool gives_address;  // the address is the result
};
constexpr std::array kMappingCalls = {
    MappingCall{SYS_mmap, 0, 1, 2, 3, 4, 5, true},
    MappingCall{SYS_mprotect, 0, 1, 2, kNone, kNone, kNone, false},
    MappingCall{SYS_munmap, 0, 1, kNone, kNone, kNone, kNone, false},
    MappingCall{SYS_brk, 0, kNone, kNone, kNone, kNone, kNone, true},
    MappingCall{SYS_mremap, 0, 2, kNone, 3, kNone, kNone, true},
    MappingCall{SYS_shmat, 1, kNone, kNone, 2, 0, kNone, true},
    MappingCall{SYS_shmdt, 0, kNone, kNone, kNone, kNone, kNone, false},
    MappingCall{SYS_pkey_mprotect, 0, 1, 2, kNone, kNone, kNone, false},
};

// Which arguments of a call that opens or runs a file mean what.
struct FileCall {
  uint16_t number;
  uint8_t path, flags;
};
constexpr std::array kFileCalls = {
    FileCall{SYS_open, 0, 1},        FileCall{SYS_creat, 0, kNone},  FileCall{SYS_openat, 1, 2},
    FileCall{SYS_openat2, 1, kNone}, FileCall{SYS_execve, 0, kNone}, FileCall{SYS_execveat, 1, 4},
};

template <class Calls>
const typename Calls::value_type* find_call(const Calls& calls, uint16_t number) {
  auto found = std::find_if(calls.begin(), calls.end(), [&](auto& call) { return call.number == number; });
  return found == calls.end() ? nullptr : &*found;
}

std::optional<int64_t> argument(const EventView& event, uint8_t place) {
  if (place == kNone) return std::nullopt;
  return static_cast<int64_t>(event.arg(place));
}

sql::Binding maybe_text(const std::optional<std::string>& text) {
  return text ? sql::Binding(std::string_view(*text)) : sql::Binding();
}

constexpr const char* kWriteTask =
    "INSERT INTO tasks(task,tid,pid,name,parent,start_event,end_event,status,start_time,end_time,events,turns)"
    " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)"
    " ON CONFLICT(task) DO UPDATE SET tid=coalesce(excluded.tid,tid), name=coalesce(excluded.name,name),"
    " parent=coalesce(excluded.parent,parent), end_event=coalesce(excluded.end_event,end_event),"
    " status=coalesce(excluded.status,status), end_time=coalesce(excluded.end_time,end_time),"
    " events=events+excluded.events, turns=turns+excluded.turns";

}  // namespace

void IndexRows::add(EventNumber number, const EventView& event) {
  const abi::EventHeader& header = event.header();
  int64_t place = static_cast<int64_t>(number.value);
  Task& task = tasks_[header.task];
  if (task.start_event == 0) {
    task.start_event = place;
    task.start_time = seconds(header.time_100us);
  }
  ++task.events;
  Count& count = counts_[{header.task, header.kind, header.number}];
  ++count.events;
  switch (header.kind) {
    case abi::EventKind::syscall:
      if (error_name(header.result)) ++count.errors;
      add_syscall(place, event, task);
      break;
    case abi::EventKind::turn:
      ++task.turns;
      if (header.number == static_cast<uint16_t>(abi::TurnGiven::interrupted))
        marks_.push_back({place, "inexact", "turn"});
      break;
    case abi::EventKind::signal:
      marks_.push_back({place, "signal", event_name(header.kind, header.number)});
      if (event.arg(0) == static_cast<uint64_t>(abi::SignalHow::interrupted))
        marks_.push_back({place, "inexact", "signal"});
      break;
    case abi::EventKind::image:
      marks_.push_back({place, "checkpoint", text(event.arg(0))});
      break;
    case abi::EventKind::task_start:
      task.tid = header.result;
      if (event.arg(0) != 0) task.parent = static_cast<int64_t>(event.arg(0));
      break;
    case abi::EventKind::task_end:
      task.end_event = place;
      task.end_time = seconds(header.time_100us);
      task.status = header.result;
      break;
    case abi::EventKind::end: {
      std::string how = end_name(static_cast<abi::EndHow>(header.number));
      marks_.push_back({place, "end", text(how, " ", header.result)});
      end_ = End{place, how, header.result};
      break;
    }
    default:
      break;
  }
}

void IndexRows::add_syscall(int64_t number, const EventView& event, Task& task) {
  const abi::EventHeader& header = event.header();
  if (header.number == SYS_prctl && event.arg(0) == PR_SET_NAME && header.result == 0) {
    if (auto name = part_of(event, abi::PartRole::input, 1)) task.name = std::string(part_text(*name));
  }
  if (!error_name(header.result)) add_mapping(number, event);
  add_file(number, event);
}

void IndexRows::add_mapping(int64_t number, const EventView& event) {
  const abi::EventHeader& header = event.header();
  const MappingCall* call = find_call(kMappingCalls, header.number);
  if (!call) return;
  int64_t address = call->gives_address ? header.result : argument(event, call->address).value_or(0);
  mappings_.push_back({.event = number,
                       .task = header.task,
                       .call = event_name(header.kind, header.number),
                       .address = address,
                       .bytes = argument(event, call->bytes).value_or(0),
                       .protection = argument(event, call->protection),
                       .flags = argument(event, call->flags),
                       .fd = argument(event, call->fd),
                       .file_offset = argument(event, call->offset)});
}

void IndexRows::add_file(int64_t number, const EventView& event) {
  const abi::EventHeader& header = event.header();
  const FileCall* call = find_call(kFileCalls, header.number);
  if (!call) return;
  std::optional<std::string> path;
  if (auto part = part_of(event, abi::PartRole::input, call->path)) path = std::string(part_text(*part));
  files_.push_back({.event = number,
                    .task = header.task,
                    .call = event_name(header.kind, header.number),
                    .path = path,
                    .flags = argument(event, call->flags),
                    .result = header.result});
}

bool IndexRows::write_tasks(sqlite3* db) {
  sql::Prepared insert = sql::prepare(db, kWriteTask);
  auto pid = header_.pid > 0 ? std::optional<int64_t>(header_.pid) : std::nullopt;
  for (auto& [number, task] : tasks_) {
    if (number == kFirstTask && !task.tid) task.tid = pid;
    sql::Binding end_time = task.end_time ? sql::Binding(*task.end_time) : sql::Binding();
    if (!sql::run(insert.get(), {int64_t{number}, sql::maybe(task.tid), sql::maybe(pid), maybe_text(task.name),
                                 sql::maybe(task.parent), task.start_event, sql::maybe(task.end_event),
                                 sql::maybe(task.status), task.start_time, end_time, task.events, task.turns}))
      return false;
  }
  tasks_.clear();
  return true;
}

bool IndexRows::write_lists(sqlite3* db) {
  sql::Prepared mapping = sql::prepare(db, "INSERT OR REPLACE INTO mappings VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)");
  for (const Mapping& row : mappings_)
    if (!sql::run(mapping.get(), {row.event, row.task, row.call, row.address, row.bytes, sql::maybe(row.protection),
                                  sql::maybe(row.flags), sql::maybe(row.fd), sql::maybe(row.file_offset)}))
      return false;
  sql::Prepared file = sql::prepare(db, "INSERT OR REPLACE INTO files VALUES(?1,?2,?3,?4,?5,?6,?7)");
  for (const File& row : files_)
    if (!sql::run(file.get(), {row.event, row.task, row.call, maybe_text(row.path), sql::maybe(row.flags), row.result,
                               maybe_text(error_name(row.result))}))
      return false;
  sql::Prepared mark = sql::prepare(db, "INSERT OR REPLACE INTO marks VALUES(?1,?2,?3)");
  for (const Mark& row : marks_)
    if (!sql::run(mark.get(), {row.event, row.name, row.text})) return false;
  mappings_.clear();
  files_.clear();
  marks_.clear();
  return true;
}

bool IndexRows::write_counts(sqlite3* db) {
  sql::Prepared count = sql::prepare(db,
                                     "INSERT INTO counts VALUES(?1,?2,?3,?4,?5,?6) ON CONFLICT(task,kind,number)"
                                     " DO UPDATE SET events=events+excluded.events, errors=errors+excluded.errors");
  for (const auto& [key, row] : counts_) {
    auto [task, kind, number] = key;
    std::string kind_text = kind_name(kind), name = event_name(kind, number);
    if (!sql::run(count.get(), {int64_t{task}, kind_text, int64_t{number}, name, row.events, row.errors})) return false;
  }
  counts_.clear();
  return true;
}

bool IndexRows::write(sqlite3* db) {
  if (end_) {
    sql::Prepared end = sql::prepare(db, "UPDATE processes SET last_event=?1, ended=?2, status=?3");
    if (!sql::run(end.get(), {end_->event, end_->how, end_->status})) return false;
    end_.reset();
  }
  return write_tasks(db) && write_lists(db) && write_counts(db);
}

}  // namespace ckpt
