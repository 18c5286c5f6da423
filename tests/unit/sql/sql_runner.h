// Asks a trace and gives the answer as one text: rows end with a line end, cells are parted by a bar.
#pragma once

#include <string>

#include "trace/store/sql.h"

namespace ckpt::testing {

inline std::string shown(const SqlValue& value) {
  if (auto* number = std::get_if<int64_t>(&value)) return std::to_string(*number);
  if (auto* real = std::get_if<double>(&value)) return text(*real);
  if (auto* words = std::get_if<std::string>(&value)) return *words;
  if (auto* bytes = std::get_if<std::vector<std::byte>>(&value))
    return std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  return "-";
}

inline std::string ask(Sql& sql, const std::string& question) {
  auto statement = sql.prepare(question);
  if (!statement) return "error: " + statement.error().message;
  std::string answer;
  for (;;) {
    auto more = statement->next();
    if (!more) return answer + "error: " + more.error().message;
    if (!*more) return answer;
    for (size_t i = 0; i < statement->columns().size(); ++i) answer += (i ? "|" : "") + shown(statement->value(i));
    answer += "\n";
  }
}

}  // namespace ckpt::testing
