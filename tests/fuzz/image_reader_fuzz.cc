// Any bytes as an image or a list of hashes. The first byte chooses how deep they go:
//   0 image-0 as it is         1 its message, sealed, before the pages of a small image
//   2 the pages as they are    3 hashes-0 as it is      4 the blocks of hashes-0, sealed
#include <cstdint>
#include <cstdlib>

#include "ckpt/image.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/sealed.h"
#include "tests/fuzz/small_image.h"

namespace ckpt {
namespace {

// Reads the first pages of every region, and the last of every run.
void read_everything() {
  Result<ImageReader> reader = ImageReader::open(fuzz::folder(), 0);
  if (!reader) return;
  std::vector<std::byte> page(kPageBytes);
  uint64_t pages = 0;
  for (const Region& region : reader->regions())
    for (uint64_t at = region.start; at < region.end && pages < 256; at += kPageBytes, pages++) {
      (void)reader->page_hash(at);
      (void)reader->read(at, page);
    }
  for (const PageRun& run : reader->runs())
    if (pages++ < 512) (void)reader->read_run(run, run.pages - 1, page);
  for (const TaskContext& task : reader->tasks())
    if (task.registers.size() != reg::kCount) std::abort();
}

void read_hashes() {
  const Result<PageHashes> hashes = read_page_hashes(fuzz::folder(), 0);
  if (!hashes) return;
  const HashComparison same = compare(hashes.value(), hashes.value(), 10);
  if (!same.equal() || same.pages != hashes.value().pages()) std::abort();
}

std::vector<std::byte> seal_hashes(fuzz::Input& input, const fuzz::SmallImage& small) {
  format::HashFrame header{};
  header.runs = input.take<uint8_t>();
  header.pages = input.take<uint16_t>();
  std::vector<std::byte> file = fuzz::seal(header, format::Magic::hashes, input.rest());
  file.insert(file.end(), small.hashes_end.begin(), small.hashes_end.end());
  return file;
}

}  // namespace
}  // namespace ckpt

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ckpt;
  static const fuzz::SmallImage small = fuzz::make_small_image(fuzz::folder());
  fuzz::Input input(data, size);
  const auto mode = input.take<uint8_t>();
  if (mode % 5 < 3) {
    fuzz::put("image-0", small.manifest);
    fuzz::put("image-0.pages", small.pages);
  }
  switch (mode % 5) {
    case 0:
      fuzz::put("image-0", input.rest());
      break;
    case 1:
      fuzz::put("image-0", fuzz::seal_message(input.rest(), format::MessageKind::image));
      break;
    case 2:
      fuzz::put("image-0.pages", input.rest());
      break;
    case 3:
      fuzz::put("hashes-0", input.rest());
      break;
    case 4:
      fuzz::put("hashes-0", seal_hashes(input, small));
      break;
  }
  if (mode % 5 < 3)
    read_everything();
  else
    read_hashes();
  return 0;
}
