#include "ckpt/page_hash.h"

#include <doctest/doctest.h>

#include "tests/unit/ckpt/memory_builder.h"
#include "tests/unit/store/temp_folder.h"

namespace ckpt {
namespace {

using test::anonymous;
using test::pages_of;
using test::TempFolder;

PageHashes hashes_of(const std::vector<std::byte>& heap) {
  PageHashes hashes;
  CHECK(hashes.add_region(anonymous(0x10000, heap.size() / kPageBytes, "[heap]")).ok());
  CHECK(hashes.add_pages(0x10000, heap).ok());
  return hashes;
}

TEST_CASE("page hashes: only a page of zeros has the hash of a zero page") {
  std::vector<std::byte> page(kPageBytes);
  CHECK(is_zero_page(page));
  CHECK(hash_page(page).is_zero_page());
  for (size_t at : {0, 255, 256, 4095}) {
    page[at] = std::byte{1};
    CHECK_FALSE(is_zero_page(page));
    CHECK_FALSE(hash_page(page).is_zero_page());
    page[at] = std::byte{0};
  }
}

TEST_CASE("page hashes: a list survives its file, over many blocks") {
  TempFolder folder;
  const std::vector<std::byte> memory = pages_of(10000, 5, 3);
  Result<FinalHashWriter> writer = FinalHashWriter::create(folder.path(), kFinalHashes);
  REQUIRE(writer.ok());
  REQUIRE(writer->add_region(anonymous(0x10000, 10000, "[heap]")).ok());
  REQUIRE(writer->add_pages(0x10000, memory).ok());
  REQUIRE(writer->finish().ok());
  const Result<PageHashes> read = read_page_hashes(folder.path(), kFinalHashes);
  REQUIRE_MESSAGE(read.ok(), read.error().message);
  const PageHashes same = hashes_of(memory);
  CHECK(read->pages() == 6666);
  CHECK(read->pages() == same.pages());
  CHECK(compare(*read, same, 10).equal());
  CHECK(compare(*read, same, 10).pages == 6666);
  CHECK(read->at(0x11000) == same.at(0x11000));
  CHECK(read->at(0x10000).is_zero_page());
  CHECK(read_page_hashes(folder.path(), 7).error().code == Code::not_found);
}

TEST_CASE("page hashes: a comparison names the lowest pages that differ, and counts all") {
  std::vector<std::byte> memory = pages_of(100, 5, 10);
  const PageHashes expected = hashes_of(memory);
  memory[20 * kPageBytes] = std::byte{1};                                   // was zero
  std::fill_n(memory.begin() + 35 * kPageBytes, kPageBytes, std::byte{0});  // is zero
  memory[99 * kPageBytes + 4095] ^= std::byte{1};                           // differs
  const HashComparison found = compare(expected, hashes_of(memory), 2);
  CHECK(found.different == 3);
  REQUIRE(found.first.size() == 2);
  CHECK(found.first[0].address == 0x10000 + 20 * kPageBytes);
  CHECK(found.first[0].expected.is_zero_page());
  CHECK(found.first[0].mapping == "[heap]");
  CHECK(found.first[1].address == 0x10000 + 35 * kPageBytes);
  CHECK(found.first[1].actual.is_zero_page());
  CHECK(found.region_changes.empty());
}

TEST_CASE("page hashes: regions that differ are named, merged neighbours do not differ") {
  PageHashes whole, halves, moved;
  CHECK(whole.add_region(anonymous(0x10000, 4)).ok());
  CHECK(halves.add_region(anonymous(0x10000, 2, "a")).ok());
  CHECK(halves.add_region(anonymous(0x12000, 2, "b")).ok());
  CHECK(moved.add_region(anonymous(0x11000, 4)).ok());
  CHECK(compare(whole, halves, 10).equal());
  CHECK(compare(whole, moved, 10).region_changes.size() == 2);
  CHECK(compare(whole, moved, 1).region_changes.size() == 1);
}

TEST_CASE("page hashes: no flipped bit and no cut of the file passes unseen") {
  TempFolder folder;
  Result<FinalHashWriter> writer = FinalHashWriter::create(folder.path(), 0);
  REQUIRE(writer.ok());
  REQUIRE(writer->add_region(anonymous(0x10000, 20, "[heap]")).ok());
  REQUIRE(writer->add_pages(0x10000, pages_of(20, 5, 3)).ok());
  REQUIRE(writer->finish().ok());
  const std::string path = folder / "hashes-0", good = test::read_all(path);
  for (size_t at = 0; at < good.size(); at++) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    test::write_all(path, bad);
    INFO("byte ", at);
    CHECK_FALSE(read_page_hashes(folder.path(), 0).ok());
    test::write_all(path, good.substr(0, at));
    CHECK_FALSE(read_page_hashes(folder.path(), 0).ok());
  }
}

TEST_CASE("page hashes: a writer that was not finished leaves no file") {
  TempFolder folder;
  {
    Result<FinalHashWriter> writer = FinalHashWriter::create(folder.path(), 0);
    REQUIRE(writer.ok());
    REQUIRE(writer->add_pages(0x10000, pages_of(5000, 5)).ok());
  }
  CHECK(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace ckpt
