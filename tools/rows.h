// Prints rows: as an aligned table for people, as JSON lines or CSV for programs.
//
// Rows come from traces, so a terminal never sees a control character of theirs. In a table the
// first kMeasuredRows rows decide the widths; the rest is printed as it comes.
//
// Owns:    the rows held back for measuring.
// Threads: not thread-safe.
// Errors:  finish() gives io if the output could not be written.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "trace/base/result.h"
#include "trace/store/sql.h"

namespace ckpt {

enum class Form : uint8_t { table, json, csv };

class RowPrinter final {
 public:
  RowPrinter(FILE* out, Form form, std::vector<std::string> columns);

  // One value for each column.
  void row(std::vector<SqlValue> values);
  Result<void> finish();

 private:
  static constexpr size_t kMeasuredRows = 2000;
  void print_held();
  void print_row(const std::vector<SqlValue>& values);
  void print_json(const std::vector<SqlValue>& values);
  void print_csv(const std::vector<std::string>& cells);
  void print_cells(const std::vector<std::string>& cells, const std::vector<SqlValue>* values);

  FILE* out_;
  Form form_;
  std::vector<std::string> columns_;
  std::vector<std::vector<SqlValue>> held_;
  std::vector<size_t> widths_;
  bool started_ = false;
};

// As in CSV: nothing for NULL, hex digits for a blob.
std::string printed_value(const SqlValue& value);

// A JSON string, quotes included. Bytes that are no UTF-8 become U+FFFD.
std::string json_string(std::string_view words);
// A JSON value; a blob is a string of hex digits.
std::string json_value(const SqlValue& value);

// Text with control characters and bytes that are no UTF-8 written as \xNN.
std::string harmless(std::string_view words);

// 1536 as "1.5 KiB".
std::string printed_bytes(uint64_t bytes);

}  // namespace ckpt
