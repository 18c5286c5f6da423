// What a query asks of the pushable columns, as a Filter.
#include <algorithm>
#include <cmath>

#include "trace/store/sql_filter.h"
#include "trace/store/sql_print.h"

namespace ckpt::sql {
namespace {

constexpr uint64_t bit(uint64_t number) {
  return uint64_t{1} << (number % 64);
}

// The range of whole numbers between two bounds that a comparison leaves. It may be one too wide at each
// end, never too narrow: SQLite checks every row again.
void narrow(uint64_t& first, uint64_t& last, bool& nothing, Comparison comparison, sqlite3_value* value,
            long double scale, long double slack) {
  int type = sqlite3_value_numeric_type(value);
  if (type == SQLITE_NULL) nothing = true;  // no comparison with NULL is true
  if (type != SQLITE_INTEGER && type != SQLITE_FLOAT) return;
  long double bound = type == SQLITE_INTEGER ? static_cast<long double>(sqlite3_value_int64(value))
                                             : static_cast<long double>(sqlite3_value_double(value));
  bound *= scale;
  if (std::isnan(bound)) return;
  constexpr long double kLargest = 9e18L;
  long double low = std::floor(bound) - slack, high = std::ceil(bound) + slack;
  if (comparison != Comparison::at_most) {
    if (low > kLargest) nothing = true;
    if (low > 0 && low <= kLargest) first = std::max(first, static_cast<uint64_t>(low));
  }
  if (comparison != Comparison::at_least) {
    if (high < 0) nothing = true;
    if (high >= 0 && high <= kLargest) last = std::min(last, static_cast<uint64_t>(high));
  }
}

std::optional<std::string_view> text_of(sqlite3_value* value) {
  if (sqlite3_value_type(value) != SQLITE_TEXT) return std::nullopt;
  auto* words = reinterpret_cast<const char*>(sqlite3_value_text(value));
  return std::string_view(words, static_cast<size_t>(sqlite3_value_bytes(value)));
}

// A name stands for one number of each kind that has it. Several kinds: only they are pushed.
void narrow_name(Filter& filter, std::string_view name) {
  uint64_t kinds = 0;
  std::optional<uint16_t> number;
  for (uint8_t k = 0; k < 64; ++k) {
    auto kind = static_cast<abi::EventKind>(k);
    if (!(filter.kinds & bit(k))) continue;
    if (!has_numbers(kind)) {
      if (kind_name(kind) == name) kinds |= bit(k);
    } else if (auto found = event_number_named(kind, name)) {
      kinds |= bit(k);
      number = found;
    }
  }
  filter.kinds = kinds;
  if (kinds == 0) filter.nothing = true;
  if (number && (kinds & (kinds - 1)) == 0) {
    filter.first_number = std::max<uint64_t>(filter.first_number, *number);
    filter.last_number = std::min<uint64_t>(filter.last_number, *number);
  }
}

}  // namespace

void Filter::add(Push push, Comparison comparison, sqlite3_value* value) {
  switch (push) {
    case Push::event:
      return narrow(first_event, last_event, nothing, comparison, value, 1, 0);
    case Push::time:
      return narrow(first_time, last_time, nothing, comparison, value, 1e4L, 1);
    case Push::task:
      return narrow(first_task, last_task, nothing, comparison, value, 1, 0);
    case Push::number:
      return narrow(first_number, last_number, nothing, comparison, value, 1, 0);
    case Push::kind:
      if (auto name = text_of(value)) {
        auto kind = kind_named(*name);
        kinds &= kind ? bit(static_cast<uint8_t>(*kind)) : 0;
      }
      break;
    case Push::name:
      if (auto name = text_of(value)) narrow_name(*this, *name);
      break;
    case Push::none:
      break;
  }
  if (kinds == 0) nothing = true;
}

bool Filter::may_match(const ChunkInfo& chunk) const {
  if (chunk.first.value > last_event || chunk.end().value <= first_event) return false;
  if (chunk.min_time_100us > last_time || chunk.max_time_100us < first_time) return false;
  if (chunk.min_task > last_task || chunk.max_task < first_task || !(chunk.kind_mask & kinds)) return false;
  if (first_task == last_task && !chunk.may_have_task(static_cast<uint32_t>(first_task))) return false;
  return first_number != last_number || chunk.may_have_number(static_cast<uint16_t>(first_number));
}

bool Filter::matches(abi::EventKind kind, uint16_t number, uint32_t task, uint32_t time_100us) const {
  return (kinds & bit(static_cast<uint8_t>(kind))) && number >= first_number && number <= last_number &&
         task >= first_task && task <= last_task && time_100us >= first_time && time_100us <= last_time;
}

}  // namespace ckpt::sql
