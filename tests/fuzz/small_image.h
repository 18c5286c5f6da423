// An image and a list of hashes of some pages, to begin fuzzing from.
//
// Threads: functions without state.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include "ckpt/image.h"
#include "tests/unit/ckpt/memory_builder.h"
#include "tests/unit/store/temp_folder.h"

namespace ckpt::fuzz {

struct SmallImage {
  std::vector<std::byte> manifest;    // image-0
  std::vector<std::byte> pages;       // image-0.pages
  std::vector<std::byte> hashes;      // hashes-0
  std::vector<std::byte> hashes_end;  // its last message
};

inline std::vector<std::byte> load(const std::string& path) {
  const std::string bytes = test::read_all(path);
  const auto* from = reinterpret_cast<const std::byte*>(bytes.data());
  return {from, from + bytes.size()};
}

// Writes both to `folder` and gives their bytes.
inline SmallImage make_small_image(const std::string& folder) {
  const auto must = [](bool ok) {
    if (!ok) std::abort();
  };
  const std::vector<std::byte> memory = test::pages_of(6, 1, 3);
  Result<ImageWriter> image = ImageWriter::create(folder, 0);
  Result<FinalHashWriter> hashes = FinalHashWriter::create(folder, 0);
  must(image.ok() && hashes.ok());
  const Region region = test::anonymous(0x10000, 8, "[heap]");
  must(image->add_region(region).ok() && hashes->add_region(region).ok());
  must(image->add_pages(0x10000, memory).ok() && hashes->add_pages(0x10000, memory).ok());
  const TaskContext task = test::task_context(1);
  must(image->finish({&task, 1}, {}).ok() && hashes->finish().ok());
  SmallImage small{load(folder + "/image-0"), load(folder + "/image-0.pages"), load(folder + "/hashes-0"), {}};
  // One block: 2 runs of 2 pages each.
  const size_t block = sizeof(format::HashFrame) + 2 * 16 + 4 * sizeof(PageHash);
  must(small.hashes.size() > block);
  small.hashes_end.assign(small.hashes.begin() + block, small.hashes.end());
  return small;
}

}  // namespace ckpt::fuzz
