// Rows as tables, JSON lines and CSV.
#include "tools/rows.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>

using namespace ckpt;

namespace {

std::string printed(Form form, const std::vector<std::string>& columns,
                    const std::vector<std::vector<SqlValue>>& rows) {
  char* bytes = nullptr;
  size_t count = 0;
  std::FILE* out = open_memstream(&bytes, &count);
  RowPrinter printer(out, form, columns);
  for (const auto& row : rows) printer.row(row);
  CHECK(printer.finish().ok());
  std::fclose(out);
  std::string all(bytes, count);
  std::free(bytes);
  return all;
}

}  // namespace

TEST_CASE("rows: a table aligns words to the left and numbers to the right, and ends lines where they end") {
  CHECK(printed(Form::table, {"name", "n", "x"}, {{"a", int64_t{5}, ""}, {"longer", int64_t{100}, "y"}}) ==
        "name      n  x\na         5\nlonger  100  y\n");
  CHECK(printed(Form::table, {"a", "b"}, {}) == "a  b\n");
  CHECK(printed(Form::table, {"w", "n"}, {{"é", int64_t{1}}, {"ab", int64_t{2}}}) == "w   n\né   1\nab  2\n");
}

TEST_CASE("rows: a long table is printed whole, its later rows as wide as they are") {
  std::vector<std::vector<SqlValue>> rows(5000, {"x"});
  rows.back() = {std::string(50, 'y')};
  std::string all = printed(Form::table, {"c"}, rows);
  CHECK(all.size() == 2 + 4999 * 2 + 51);
}

TEST_CASE("rows: JSON is valid whatever the bytes") {
  CHECK(json_string("a\"\\\n\x01\x7f\xff\xc3\xa9") == "\"a\\\"\\\\\\u000a\\u0001\\u007f\\ufffd\xc3\xa9\"");
  CHECK(json_string("\xed\xa0\x80") == "\"\\ufffd\\ufffd\\ufffd\"");
  CHECK(json_value(0.1) == "0.1");
  CHECK(json_value(NAN) == "null");
  CHECK(json_value(std::monostate()) == "null");
  CHECK(json_value(INT64_MIN) == "-9223372036854775808");
  CHECK(json_value(std::vector<std::byte>{std::byte{0}, std::byte{255}}) == "\"00ff\"");
  CHECK(printed(Form::json, {"a", "b"}, {{int64_t{1}, "x"}}) == "{\"a\":1,\"b\":\"x\"}\n");
}

TEST_CASE("rows: CSV quotes what it must") {
  CHECK(printed(Form::csv, {"a", "b,c"}, {{"x\"y", "z"}, {std::monostate(), "l\nm"}}) ==
        "a,\"b,c\"\n\"x\"\"y\",z\n,\"l\nm\"\n");
}

TEST_CASE("rows: bytes are printed in units") {
  CHECK(printed_bytes(0) == "0 B");
  CHECK(printed_bytes(1023) == "1023 B");
  CHECK(printed_bytes(1536) == "1.5 KiB");
  CHECK(printed_bytes(uint64_t{80} << 30) == "80 GiB");
}
