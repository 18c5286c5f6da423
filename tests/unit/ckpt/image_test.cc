#include "ckpt/image.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>

#include <doctest/doctest.h>

#include "tests/unit/ckpt/memory_builder.h"
#include "tests/unit/store/require_ok.h"
#include "tests/unit/store/temp_folder.h"
#include "trace/store/files.h"
#include "trace/store/reader.h"
#include "trace/store/trace_info.h"

namespace ckpt {
namespace {

using test::anonymous;
using test::pages_of;
using test::TempFolder;

// Writes two regions, 200 and 10 pages, every seventh page zero, and two tasks.
void write_small_image(const std::string& folder, const std::vector<std::byte>& low,
                       const std::vector<std::byte>& high) {
  Result<ImageWriter> writer = ImageWriter::create(folder, 0);
  REQUIRE_OK(writer);
  REQUIRE_OK(writer->add_region(anonymous(0x10000, 200, "[heap]")));
  REQUIRE_OK(writer->add_region(anonymous(0x7f0000000000, 10, "[stack]")));
  REQUIRE_OK(writer->add_pages(0x10000, low));
  REQUIRE_OK(writer->add_pages(0x7f0000000000, high));
  const TaskContext tasks[] = {test::task_context(1), test::task_context(2)};
  const std::vector<std::byte> state(5000, std::byte{7});
  REQUIRE_OK(writer->finish(tasks, state));
}

TEST_CASE("image: regions, tasks, pages and hashes come back as they were given") {
  TempFolder folder;
  const std::vector<std::byte> low = pages_of(200, 1, 7), high = pages_of(10, 2);
  write_small_image(folder.path(), low, high);

  Result<ImageReader> reader = ImageReader::open(folder.path(), 0);
  REQUIRE_OK(reader);
  REQUIRE(reader->regions().size() == 2);
  CHECK(reader->regions()[0] == anonymous(0x10000, 200, "[heap]"));
  REQUIRE(reader->tasks().size() == 2);
  CHECK(reader->tasks()[1].registers == test::task_context(2).registers);
  CHECK(reader->tasks()[1].xsave == test::task_context(2).xsave);
  CHECK(reader->tasks()[0].agent_state == test::task_context(1).agent_state);
  CHECK(reader->agent_state().size() == 5000);

  std::vector<std::byte> got(low.size());
  REQUIRE_OK(reader->read(0x10000, got));
  CHECK(got == low);
  got.resize(3 * kPageBytes);
  REQUIRE_OK(reader->read(0x10000 + 63 * kPageBytes, got));
  CHECK(std::equal(got.begin(), got.end(), low.begin() + 63 * kPageBytes));
  for (uint64_t page = 0; page < 200; page++) {
    Result<std::optional<PageHash>> hash = reader->page_hash(0x10000 + page * kPageBytes);
    REQUIRE_OK(hash);
    REQUIRE(hash->has_value());
    CHECK(**hash == hash_page(std::span(low).subspan(page * kPageBytes, kPageBytes)));
    CHECK((*hash)->is_zero_page() == (page % 7 == 0));
  }
}

TEST_CASE("image: reading what no region has is a fault that names the address") {
  TempFolder folder;
  write_small_image(folder.path(), pages_of(200, 1, 7), pages_of(10, 2));
  Result<ImageReader> reader = ImageReader::open(folder.path(), 0);
  REQUIRE_OK(reader);
  std::vector<std::byte> out(2 * kPageBytes);
  const Result<void> past = reader->read(0x10000 + 199 * kPageBytes, out);
  CHECK(past.error().code == Code::fault);
  CHECK(reader->page_hash(0x5000).error().code == Code::fault);
  CHECK(reader->read(0x10001, out).error().code == Code::usage);
  CHECK(reader->read_run(reader->runs()[0], 5, out).error().code == Code::usage);
}

TEST_CASE("image: clean pages come from the file copy, a zeroed page of a file region stays zero") {
  TempFolder folder, root;
  const std::vector<std::byte> content = pages_of(4, 3);
  const std::string source = root / "library.so";
  test::write_all(source, std::string(reinterpret_cast<const char*>(content.data()), content.size() - 100));
  Result<FileStore> store = FileStore::open(root / "store");
  REQUIRE_OK(store);
  const FileHandle fd(::open(source.c_str(), O_RDONLY));
  Result<FileCopy> copy = store->add(fd.get(), folder.path());
  REQUIRE_OK(copy);

  Region region = anonymous(0x400000, 5, source);
  region.kind = RegionKind::file;
  region.flags = 0;
  region.file = *copy;
  region.file_offset = kPageBytes;
  Result<ImageWriter> writer = ImageWriter::create(folder.path(), 3);
  REQUIRE_OK(writer);
  REQUIRE_OK(writer->add_region(region));
  REQUIRE_OK(writer->add_pages(0x400000 + kPageBytes, std::vector<std::byte>(kPageBytes)));
  REQUIRE_OK(writer->finish({}, {}));

  Result<ImageReader> reader = ImageReader::open(folder.path(), 3);
  REQUIRE_OK(reader);
  std::vector<std::byte> expected(5 * kPageBytes);
  std::copy(content.begin() + kPageBytes, content.end() - 100, expected.begin());
  std::fill_n(expected.begin() + kPageBytes, kPageBytes, std::byte{0});
  std::vector<std::byte> got(5 * kPageBytes, std::byte{1});
  REQUIRE_OK(reader->read(0x400000, got));
  CHECK(got == expected);
  CHECK_FALSE(reader->page_hash(0x400000)->has_value());
  CHECK(reader->page_hash(0x401000)->value().is_zero_page());
}

TEST_CASE("image: pages out of order, outside of regions or not whole are refused") {
  TempFolder folder;
  Result<ImageWriter> writer = ImageWriter::create(folder.path(), 0);
  REQUIRE_OK(writer);
  REQUIRE_OK(writer->add_region(anonymous(0x10000, 4)));
  CHECK(writer->add_region(anonymous(0x12000, 4)).error().code == Code::usage);
  const std::vector<std::byte> page = pages_of(1, 1);
  REQUIRE_OK(writer->add_pages(0x11000, page));
  CHECK(writer->add_pages(0x11000, page).error().code == Code::usage);
  CHECK(writer->add_pages(0x14000, page).error().where == 0x14000);
  CHECK(writer->add_pages(0x12000, std::span(page).first(100)).error().code == Code::usage);
}

TEST_CASE("image: a writer that was not finished leaves no files") {
  TempFolder folder;
  {
    Result<ImageWriter> writer = ImageWriter::create(folder.path(), 0);
    REQUIRE_OK(writer);
    REQUIRE_OK(writer->add_region(anonymous(0x10000, 100)));
    REQUIRE_OK(writer->add_pages(0x10000, pages_of(100, 1)));
  }
  CHECK(std::filesystem::is_empty(folder.path()));
  CHECK(ImageReader::open(folder.path(), 0).error().code == Code::not_found);
}

// Reads all an image has; whether that worked without a wrong byte is the caller's to say.
Result<std::vector<std::byte>> read_everything(const std::string& folder) {
  CKPT_TRY(ImageReader reader, ImageReader::open(folder, 0));
  std::vector<std::byte> all;
  for (const Region& region : reader.regions()) {
    const size_t at = all.size();
    all.resize(at + (region.end - region.start));
    CKPT_CHECK(reader.read(region.start, std::span(all).subspan(at)));
  }
  return all;
}

TEST_CASE("image: no flipped bit and no cut passes unseen") {
  TempFolder folder;
  const std::vector<std::byte> low = pages_of(200, 1, 7), high = pages_of(10, 2);
  write_small_image(folder.path(), low, high);
  for (const char* name : {"image-0", "image-0.pages"}) {
    const std::string path = folder / name, good = test::read_all(path);
    const size_t step = good.size() / 300 + 1;
    for (size_t at = 0; at < good.size(); at += step) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ (1 << at % 8));
      test::write_all(path, bad);
      const Result<std::vector<std::byte>> read = read_everything(folder.path());
      INFO(name, " byte ", at);
      CHECK_FALSE(read.ok());
      test::write_all(path, good.substr(0, at));
      CHECK_FALSE(read_everything(folder.path()).ok());
    }
    test::write_all(path, good);
  }
  CHECK(read_everything(folder.path()).ok());
}

TEST_CASE("image: the trace's verification finds a damaged page and a missing file copy") {
  TempFolder folder;
  REQUIRE_OK(write_header(folder.path(), {}));
  test::write_all(folder / "events", "");
  write_small_image(folder.path(), pages_of(200, 1, 7), pages_of(10, 2));
  Result<Reader> reader = Reader::open(folder.path());
  REQUIRE_OK(reader);
  Result<VerifyReport> report = reader->verify();
  REQUIRE_OK(report);
  CHECK(report->ok());
  CHECK(report->images == 1);

  std::string pages = test::read_all(folder / "image-0.pages");
  pages[5000] ^= 1;
  test::write_all(folder / "image-0.pages", pages);
  report = reader->verify();
  REQUIRE_OK(report);
  REQUIRE(report->problems.size() == 1);
  CHECK(report->problems[0].file == "image-0");
}

TEST_CASE("image: speed of writing and reading, printed") {
  TempFolder folder;
  const uint64_t pages = 8192;
  const std::vector<std::byte> memory = pages_of(pages, 1, 4);
  Result<ImageWriter> writer = ImageWriter::create(folder.path(), 0);
  REQUIRE_OK(writer);
  REQUIRE_OK(writer->add_region(anonymous(0x10000, pages)));
  const auto seconds = [start = std::chrono::steady_clock::now()]() mutable {
    const auto now = std::chrono::steady_clock::now();
    const double passed = std::chrono::duration<double>(now - start).count();
    start = now;
    return passed;
  };
  auto clock = seconds;
  REQUIRE_OK(writer->add_pages(0x10000, memory));
  REQUIRE_OK(writer->finish({}, {}));
  const double write = clock();
  REQUIRE_OK(read_everything(folder.path()));
  const double read = clock();
  std::printf("image: write %.0f MB/s, read %.0f MB/s, stored %.2f of it\n", memory.size() / write / 1e6,
              memory.size() / read / 1e6, static_cast<double>(writer->stored_bytes()) / memory.size());
}

}  // namespace
}  // namespace ckpt
