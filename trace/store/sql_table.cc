// One SQLite module for all tables of events: what SQLite calls is at the bottom.
#include "trace/store/sql_table.h"

#include <algorithm>
#include <cstring>

#include "trace/base/assert.h"

namespace ckpt::sql {
namespace {

// What idxNum says of a plan.
constexpr int kSmallOnly = 1;
constexpr int kDescending = 2;

struct Module {
  const Table& table;
  TraceSource& trace;
};

struct VirtualTable {
  sqlite3_vtab base;  // first: SQLite knows this address
  const Module* module;
};

// A walk over the events of a filter. At a row, or at the end.
class Cursor final {
 public:
  explicit Cursor(const Module& module) : table_(module.table), trace_(module.trace) {}

  Result<void> start(const Filter& filter, bool small_only);
  Result<void> next();
  bool at_end() const { return at_end_; }
  Row row() const;

 private:
  uint32_t time_before(uint32_t index) const;
  bool take_chunk();
  Result<void> load_chunk();
  bool step_in_chunk();
  bool take_event();
  bool take_part();

  const Table& table_;
  TraceSource& trace_;
  Filter filter_;
  bool small_only_ = false;
  bool at_end_ = true;
  size_t next_chunk_ = 0;  // ascending: to look at next; descending: one above it
  ChunkInfo info_;
  uint32_t time_before_chunk_ = 0;
  bool loaded_ = false;
  std::optional<ChunkView> view_;
  std::shared_ptr<const ChunkColumns> columns_;
  uint64_t next_event_ = 0;  // number of the event to look at next
  uint64_t number_ = 0;      // the present one
  EventView event_;
  PartRange::Iterator part_, parts_end_;
  uint32_t part_index_ = 0;
};

Result<void> Cursor::start(const Filter& filter, bool small_only) {
  filter_ = filter;
  small_only_ = small_only;
  at_end_ = loaded_ = false;
  part_ = parts_end_ = {};
  const auto& chunks = trace_.chunks();
  if (filter.descending) {
    auto above = std::upper_bound(chunks.begin(), chunks.end(), filter.last_event,
                                  [](uint64_t event, const ChunkInfo& chunk) { return event < chunk.first.value; });
    next_chunk_ = static_cast<size_t>(above - chunks.begin());
  } else {
    auto from = std::lower_bound(chunks.begin(), chunks.end(), filter.first_event,
                                 [](const ChunkInfo& chunk, uint64_t event) { return chunk.end().value <= event; });
    next_chunk_ = static_cast<size_t>(from - chunks.begin());
  }
  if (filter.nothing) {
    at_end_ = true;
    return {};
  }
  return next();
}

// Goes to the next chunk that may hold a wanted event; false after the last.
bool Cursor::take_chunk() {
  const auto& chunks = trace_.chunks();
  for (;;) {
    if (filter_.descending ? next_chunk_ == 0 : next_chunk_ == chunks.size()) return false;
    size_t place = filter_.descending ? --next_chunk_ : next_chunk_++;
    info_ = chunks[place];
    // Times never go back, so the greatest of a chunk is its last event's.
    time_before_chunk_ = place ? chunks[place - 1].max_time_100us : 0;
    if (filter_.descending ? info_.end().value <= filter_.first_event : info_.first.value > filter_.last_event)
      return false;
    if (filter_.may_match(info_)) return true;
  }
}

Result<void> Cursor::load_chunk() {
  if (small_only_) {
    CKPT_TRY(columns_, trace_.columns(info_));
  } else {
    CKPT_TRY(view_, trace_.chunk(info_));
  }
  next_event_ = filter_.descending ? std::min(info_.end().value - 1, filter_.last_event)
                                   : std::max(info_.first.value, filter_.first_event);
  loaded_ = true;
  return {};
}

// Goes to the next wanted event of the present chunk; false after the last.
bool Cursor::step_in_chunk() {
  uint64_t first = std::max(info_.first.value, filter_.first_event);
  uint64_t last = std::min(info_.end().value - 1, filter_.last_event);
  while (next_event_ >= first && next_event_ <= last) {
    number_ = filter_.descending ? next_event_-- : next_event_++;
    if (take_event()) return true;
  }
  return false;
}

bool Cursor::take_event() {
  auto index = static_cast<uint32_t>(number_ - info_.first.value);
  uint64_t kinds = table_.kinds;
  auto wanted = [&](abi::EventKind kind, uint16_t number, uint32_t task, uint32_t time) {
    return (kinds >> (static_cast<uint8_t>(kind) % 64) & 1) && filter_.matches(kind, number, task, time);
  };
  if (small_only_)
    return wanted(columns_->kinds[index], columns_->numbers[index], columns_->tasks[index],
                  columns_->times_100us[index]);
  event_ = view_->event(index);
  const abi::EventHeader& header = event_.header();
  if (!wanted(header.kind, header.number, header.task, header.time_100us)) return false;
  if (!table_.parts) return true;
  part_ = event_.parts().begin();
  parts_end_ = event_.parts().end();
  part_index_ = 0;
  return take_part();
}

// Stays at, or goes on to, a part of the table's role; false if the event has none left.
bool Cursor::take_part() {
  while (part_ != parts_end_ && (*part_).part.role != *table_.parts) {
    ++part_;
    ++part_index_;
  }
  return part_ != parts_end_;
}

Result<void> Cursor::next() {
  if (part_ != parts_end_) {
    ++part_;
    ++part_index_;
    if (take_part()) return {};
  }
  for (;;) {
    if (loaded_ && step_in_chunk()) return {};
    loaded_ = false;
    if (!take_chunk()) break;
    CKPT_CHECK(load_chunk());
  }
  at_end_ = true;
  return {};
}

// The time of the event before event `index` of the present chunk.
uint32_t Cursor::time_before(uint32_t index) const {
  if (index == 0) return time_before_chunk_;
  return small_only_ ? columns_->times_100us[index - 1] : view_->event(index - 1).header().time_100us;
}

Row Cursor::row() const {
  Row row{.trace = trace_, .number = {number_}};
  auto index = static_cast<uint32_t>(number_ - info_.first.value);
  uint32_t before = time_before(index);
  if (small_only_) {
    row.kind = columns_->kinds[index];
    row.event_number = columns_->numbers[index];
    row.task = columns_->tasks[index];
    row.time_100us = columns_->times_100us[index];
    row.gap_100us = row.time_100us - std::min(before, row.time_100us);
    return row;
  }
  const abi::EventHeader& header = event_.header();
  row.kind = header.kind;
  row.event_number = header.number;
  row.task = header.task;
  row.time_100us = header.time_100us;
  row.gap_100us = row.time_100us - std::min(before, row.time_100us);
  row.event = &event_;
  if (table_.parts) row.part = *part_;
  row.part_index = part_index_;
  return row;
}

// ---- Plans ------------------------------------------------------------------------------

std::optional<Comparison> comparison_of(unsigned char op) {
  switch (op) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
      return Comparison::equal;
    case SQLITE_INDEX_CONSTRAINT_GT:
    case SQLITE_INDEX_CONSTRAINT_GE:
      return Comparison::at_least;
    case SQLITE_INDEX_CONSTRAINT_LT:
    case SQLITE_INDEX_CONSTRAINT_LE:
      return Comparison::at_most;
    default:
      return std::nullopt;
  }
}

// Whether a comparison with this column can be pushed. Names compare byte by byte here.
bool can_push(sqlite3_index_info* info, int place, Push push, Comparison comparison) {
  if (push == Push::none) return false;
  if (push != Push::kind && push != Push::name) return true;
  return comparison == Comparison::equal && std::strcmp(sqlite3_vtab_collation(info, place), "BINARY") == 0;
}

// The share of events that a condition is thought to leave: only the order of these matters.
double share_left(Push push, Comparison comparison, double events) {
  if (push == Push::event && comparison == Comparison::equal) return 1 / std::max(events, 1.0);
  return comparison == Comparison::equal ? 0.05 : 0.3;
}

int best_index(sqlite3_vtab* base, sqlite3_index_info* info) {
  const Module& module = *reinterpret_cast<VirtualTable*>(base)->module;
  const Table& table = module.table;
  double events = static_cast<double>(module.trace.events()) + 1, rows = events;
  std::string plan;  // two characters for each value: what it is pushed to, and how it compares
  for (int i = 0; i < info->nConstraint; ++i) {
    const auto& constraint = info->aConstraint[i];
    auto comparison = comparison_of(constraint.op);
    if (!constraint.usable || constraint.iColumn < 0 || !comparison) continue;
    Push push = table.columns[static_cast<size_t>(constraint.iColumn)].push;
    if (!can_push(info, i, push, *comparison)) continue;
    plan += static_cast<char>('a' + static_cast<int>(push));
    plan += static_cast<char>('a' + static_cast<int>(*comparison));
    info->aConstraintUsage[i].argvIndex = static_cast<int>(plan.size() / 2);
    rows *= share_left(push, *comparison, events);
  }
  bool small = !table.parts;
  for (size_t i = 0; i < table.columns.size(); ++i)
    if ((info->colUsed >> i & 1) && !table.columns[i].small) small = false;
  info->idxNum = small ? kSmallOnly : 0;
  if (info->nOrderBy == 1 && info->aOrderBy[0].iColumn >= 0 &&
      table.columns[static_cast<size_t>(info->aOrderBy[0].iColumn)].push == Push::event) {
    info->orderByConsumed = 1;
    if (info->aOrderBy[0].desc) info->idxNum |= kDescending;
  }
  info->estimatedRows = std::max<sqlite3_int64>(static_cast<sqlite3_int64>(rows), 1);
  info->estimatedCost = rows * (small ? 0.1 : 1) + 10;
  info->idxStr = sqlite3_mprintf("%s", plan.c_str());
  info->needToFreeIdxStr = 1;
  return info->idxStr ? SQLITE_OK : SQLITE_NOMEM;
}

// ---- What SQLite calls -----------------------------------------------------------------

struct VirtualCursor {
  sqlite3_vtab_cursor base;  // first: SQLite knows this address
  Cursor cursor;
};

Cursor& cursor_of(sqlite3_vtab_cursor* base) {
  return reinterpret_cast<VirtualCursor*>(base)->cursor;
}

int connect(sqlite3* db, void* aux, int, const char* const*, sqlite3_vtab** out, char**) {
  auto* module = static_cast<Module*>(aux);
  std::string declaration = "CREATE TABLE t(";
  for (const Column& column : module->table.columns)
    declaration += text(declaration.back() == '(' ? "" : ",", '"', column.name, "\" ", column.type);
  module->trace.declaring = true;
  int failed = sqlite3_declare_vtab(db, (declaration + ")").c_str());
  module->trace.declaring = false;
  if (failed) return failed;
  *out = &(new VirtualTable{.base = {}, .module = module})->base;
  return SQLITE_OK;
}

int disconnect(sqlite3_vtab* base) {
  delete reinterpret_cast<VirtualTable*>(base);
  return SQLITE_OK;
}

int open_cursor(sqlite3_vtab* base, sqlite3_vtab_cursor** out) {
  *out = &(new VirtualCursor{.base = {}, .cursor = Cursor(*reinterpret_cast<VirtualTable*>(base)->module)})->base;
  return SQLITE_OK;
}

int close_cursor(sqlite3_vtab_cursor* base) {
  delete reinterpret_cast<VirtualCursor*>(base);
  return SQLITE_OK;
}

// Ends the statement with the trace's own error.
int ended(sqlite3_vtab_cursor* base, const Result<void>& done) {
  if (done) return SQLITE_OK;
  reinterpret_cast<VirtualTable*>(base->pVtab)->module->trace.failure = done.error();
  sqlite3_free(base->pVtab->zErrMsg);
  base->pVtab->zErrMsg = sqlite3_mprintf("%s", done.error().message.c_str());
  return SQLITE_ERROR;
}

int filter_events(sqlite3_vtab_cursor* base, int plan, const char* pushes, int count, sqlite3_value** values) {
  Filter filter;
  filter.kinds = reinterpret_cast<VirtualTable*>(base->pVtab)->module->table.kinds;
  filter.descending = plan & kDescending;
  // A name means a number only once the kinds are known, so those come first.
  for (bool names : {false, true})
    for (int i = 0; i < count; ++i) {
      auto push = static_cast<Push>(pushes[2 * i] - 'a');
      if ((push == Push::name) == names) filter.add(push, static_cast<Comparison>(pushes[2 * i + 1] - 'a'), values[i]);
    }
  return ended(base, cursor_of(base).start(filter, plan & kSmallOnly));
}

int next_row(sqlite3_vtab_cursor* base) {
  return ended(base, cursor_of(base).next());
}

int is_at_end(sqlite3_vtab_cursor* base) {
  return cursor_of(base).at_end();
}

int column_value(sqlite3_vtab_cursor* base, sqlite3_context* out, int place) {
  const Table& table = reinterpret_cast<VirtualTable*>(base->pVtab)->module->table;
  const Column& column = table.columns[static_cast<size_t>(place)];
  Row row = cursor_of(base).row();
  CKPT_ASSERT(row.event || column.small, "column ", column.name, " of ", table.name);
  column.value(out, row);
  return SQLITE_OK;
}

int row_number(sqlite3_vtab_cursor* base, sqlite3_int64* out) {
  Row row = cursor_of(base).row();
  *out = static_cast<sqlite3_int64>(row.part ? row.number.value << 16 | (row.part_index & 0xffff) : row.number.value);
  return SQLITE_OK;
}

constexpr sqlite3_module make_module() {
  sqlite3_module module = {};
  // No xCreate: the table exists wherever the module does, under its name, and only so.
  module.xConnect = connect;
  module.xBestIndex = best_index;
  module.xDisconnect = disconnect;
  module.xOpen = open_cursor;
  module.xClose = close_cursor;
  module.xFilter = filter_events;
  module.xNext = next_row;
  module.xEof = is_at_end;
  module.xColumn = column_value;
  module.xRowid = row_number;
  return module;
}
constexpr sqlite3_module kModule = make_module();

}  // namespace

bool add_tables(sqlite3* db, TraceSource& trace) {
  for (const Table& table : tables()) {
    auto forget = [](void* module) { delete static_cast<Module*>(module); };
    if (sqlite3_create_module_v2(db, table.name, &kModule, new Module{table, trace}, forget) != SQLITE_OK) return false;
  }
  return true;
}

}  // namespace ckpt::sql
