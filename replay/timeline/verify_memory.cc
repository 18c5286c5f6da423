#include "replay/timeline/verify_memory.h"

#include <map>
#include <vector>

#include "record/supervisor/capture.h"

namespace ckpt {

namespace {

constexpr uint64_t kShown = 10;

std::string owner_of(const std::vector<Region>& regions, uint64_t page) {
  for (const Region& region : regions)
    if (page >= region.start && page < region.end) return region.name.empty() ? "anonymous memory" : region.name;
  return "no mapping";
}

}  // namespace

Result<MemoryVerdict> verify_memory(TraceeMemory& memory, const PageHashes& recorded) {
  std::map<uint64_t, PageHash> met;
  PageSink sink{.region = [](const Region&) -> Result<void> { return {}; },
                .pages = [&](uint64_t at, std::span<const std::byte> bytes) -> Result<void> {
                  for (size_t i = 0; i < bytes.size(); i += kPageBytes)
                    if (PageHash hash = hash_page(bytes.subspan(i, kPageBytes)); !hash.is_zero_page())
                      met[at + i] = hash;
                  return {};
                }};
  CKPT_CHECK(show_memory(memory, sink));
  MemoryVerdict verdict;
  auto differs = [&](uint64_t page, PageHash expected, PageHash got) {
    if (verdict.differing_pages++ >= kShown) return;
    verdict.report += text("page 0x", std::hex, page, " of ", owner_of(recorded.regions(), page), ": recorded ",
                           to_string(expected), ", replayed ", to_string(got), "\n");
  };
  for (const HashRun& run : recorded.runs())
    for (uint64_t i = 0; i < run.pages; i++) {
      uint64_t page = run.address + i * kPageBytes;
      PageHash expected = recorded.hash(run.first + i);
      verdict.compared_pages++;
      auto at = met.find(page);
      PageHash got = at == met.end() ? PageHash{} : at->second;
      if (at != met.end()) met.erase(at);
      if (got == expected) continue;
      // Not one of the replay's own pages: it may still show the same through its file.
      std::vector<std::byte> bytes(kPageBytes);
      if (got.is_zero_page() && memory.read(page, bytes).ok() && hash_page(bytes) == expected) continue;
      differs(page, expected, got);
    }
  // The replay's own pages that the recording did not have as its own.
  for (const auto& [page, got] : met) {
    verdict.compared_pages++;
    differs(page, recorded.at(page), got);
  }
  return verdict;
}

}  // namespace ckpt
