#include "tools/rows.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace ckpt {
namespace {

constexpr size_t kBlobShown = 32;

// Bytes of the UTF-8 character at the start of `words`, or 0 if there is none.
size_t utf8_bytes(std::string_view words) {
  auto at = [&](size_t i) { return static_cast<unsigned char>(words[i]); };
  unsigned char lead = at(0);
  if (lead < 0x80) return 1;
  size_t bytes = lead >= 0xf0 && lead <= 0xf4 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
  if (lead > 0xf4 || bytes == 0 || bytes > words.size()) return 0;
  uint32_t code = lead & (0xff >> (bytes + 1));
  for (size_t i = 1; i < bytes; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (at(i) & 0x3f);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kLeast[bytes] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return 0;
  return bytes;
}

std::string formatted(const char* format, auto value) {
  char digits[64];
  std::snprintf(digits, sizeof digits, format, value);
  return digits;
}

std::string hex(const std::vector<std::byte>& bytes, size_t keep) {
  std::string digits;
  for (size_t i = 0; i < std::min(bytes.size(), keep); ++i) digits += formatted("%02x", std::to_integer<int>(bytes[i]));
  return digits;
}

// The shortest digits that read back as the same number.
std::string real(double value) {
  for (int digits = 1; digits < 17; ++digits) {
    char shorter[64];
    std::snprintf(shorter, sizeof shorter, "%.*g", digits, value);
    if (std::strtod(shorter, nullptr) == value) return shorter;
  }
  return formatted("%.17g", value);
}

std::string plain(const SqlValue& value, size_t blob_shown) {
  if (auto* number = std::get_if<int64_t>(&value)) return std::to_string(*number);
  if (auto* number = std::get_if<double>(&value)) return real(*number);
  if (auto* words = std::get_if<std::string>(&value)) return *words;
  if (auto* bytes = std::get_if<std::vector<std::byte>>(&value))
    return hex(*bytes, blob_shown) + (bytes->size() > blob_shown ? "..." : "");
  return "";
}

bool is_number(const SqlValue& value) {
  return std::holds_alternative<int64_t>(value) || std::holds_alternative<double>(value);
}

// Characters, as a terminal counts them when all are of one width.
size_t width_of(const std::string& cell) {
  return static_cast<size_t>(std::count_if(cell.begin(), cell.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

std::string harmless(std::string_view words) {
  std::string shown;
  while (!words.empty()) {
    size_t bytes = utf8_bytes(words);
    auto lead = static_cast<unsigned char>(words[0]);
    // U+0080 to U+009F are control characters too.
    bool control = lead < 0x20 || lead == 0x7f || (bytes == 2 && lead == 0xc2 && (words[1] & 0xff) < 0xa0);
    if (bytes == 0 || control) {
      shown += formatted("\\x%02x", lead);
      words.remove_prefix(1);
      continue;
    }
    shown += words.substr(0, bytes);
    words.remove_prefix(bytes);
  }
  return shown;
}

std::string printed_value(const SqlValue& value) {
  return plain(value, SIZE_MAX);
}

std::string json_string(std::string_view words) {
  std::string json = "\"";
  while (!words.empty()) {
    size_t bytes = utf8_bytes(words);
    auto lead = static_cast<unsigned char>(words[0]);
    if (bytes == 0)
      json += "\\ufffd";
    else if (lead == '"' || lead == '\\')
      json += {'\\', static_cast<char>(lead)};
    else if (lead < 0x20 || lead == 0x7f)
      json += formatted("\\u%04x", lead);
    else
      json += words.substr(0, bytes);
    words.remove_prefix(std::max<size_t>(bytes, 1));
  }
  return json + "\"";
}

std::string json_value(const SqlValue& value) {
  if (std::holds_alternative<std::monostate>(value)) return "null";
  if (auto* number = std::get_if<double>(&value); number && !std::isfinite(*number)) return "null";
  if (is_number(value)) return plain(value, 0);
  return json_string(plain(value, SIZE_MAX));
}

std::string printed_bytes(uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " B";
  double size = static_cast<double>(bytes);
  const char* unit = "";
  for (const char* next : {"KiB", "MiB", "GiB", "TiB", "PiB"}) {
    if (size < 1024) break;
    size /= 1024;
    unit = next;
  }
  return formatted(size < 10 ? "%.1f " : "%.0f ", size) + unit;
}

RowPrinter::RowPrinter(FILE* out, Form form, std::vector<std::string> columns)
    : out_(out), form_(form), columns_(std::move(columns)) {
  if (form_ == Form::csv) print_csv(columns_);
}

void RowPrinter::row(std::vector<SqlValue> values) {
  if (form_ != Form::table || started_) return print_row(values);
  held_.push_back(std::move(values));
  if (held_.size() == kMeasuredRows) print_held();
}

Result<void> RowPrinter::finish() {
  if (form_ == Form::table && !started_) print_held();
  if (std::fflush(out_) != 0 || std::ferror(out_)) return io_error("write the answer");
  return {};
}

void RowPrinter::print_held() {
  started_ = true;
  for (const std::string& column : columns_) widths_.push_back(width_of(column));
  for (const auto& values : held_)
    for (size_t i = 0; i < values.size(); ++i)
      widths_[i] = std::max(widths_[i], width_of(harmless(plain(values[i], kBlobShown))));
  print_cells(columns_, held_.empty() ? nullptr : &held_.front());
  for (const auto& values : held_) print_row(values);
  held_ = {};
}

void RowPrinter::print_row(const std::vector<SqlValue>& values) {
  if (form_ == Form::json) return print_json(values);
  std::vector<std::string> cells;
  for (const SqlValue& value : values)
    cells.push_back(form_ == Form::csv ? plain(value, SIZE_MAX) : harmless(plain(value, kBlobShown)));
  if (form_ == Form::csv) return print_csv(cells);
  print_cells(cells, &values);
}

void RowPrinter::print_json(const std::vector<SqlValue>& values) {
  std::string line;
  for (size_t i = 0; i < values.size(); ++i)
    line += (i ? "," : "{") + json_string(columns_[i]) + ":" + json_value(values[i]);
  std::fprintf(out_, "%s}\n", line.empty() ? "{" : line.c_str());
}

// RFC 4180, but for the line end, which is that of the system.
void RowPrinter::print_csv(const std::vector<std::string>& cells) {
  std::string line;
  for (const std::string& cell : cells) {
    if (&cell != &cells.front()) line += ',';
    if (cell.find_first_of(",\"\r\n") == std::string::npos) {
      line += cell;
      continue;
    }
    line += '"';
    for (char c : cell) line += c == '"' ? std::string("\"\"") : std::string(1, c);
    line += '"';
  }
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), out_);
}

// Numbers stand to the right, and so does the heading over them.
void RowPrinter::print_cells(const std::vector<std::string>& cells, const std::vector<SqlValue>* values) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    size_t width = width_of(cells[i]);
    std::string pad(widths_[i] > width ? widths_[i] - width : 0, ' ');
    bool right = values && is_number((*values)[i]);
    line += (i ? "  " : "") + (right ? pad + cells[i] : cells[i] + pad);
  }
  line.resize(line.find_last_not_of(' ') + 1);
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), out_);
}

}  // namespace ckpt
