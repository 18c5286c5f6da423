// A checkpoint's memory: regions, pages and task contexts, in `image-N` and `image-N.pages`.
//
// Pages are hashed one by one (XXH3-128) and stored raw in compressed segments of 256 KiB.
// Zero pages are not stored. Pages of a region with a file copy that are not given to
// add_pages are clean: a reader takes them from the copy.
//
// Owns:    its files. A writer destroyed before finish() leaves no `image-N`.
// Threads: not thread-safe.
// Memory:  the writer about 2 MiB and 32 bytes for each run of pages; the reader the same.
// Errors:  io; corrupt with the byte offset in image-N.pages; usage for pages out of order or
//          outside of the regions; fault (Error::where) for reading what no region has.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ckpt/page_hash.h"
#include "ckpt/region.h"
#include "trace/base/result.h"

namespace ckpt {

// Places in TaskContext::registers, the agent's order.
namespace reg {
enum Place : uint8_t {
  r15,
  r14,
  r13,
  r12,
  rbp,
  rbx,
  r11,
  r10,
  r9,
  r8,
  rax,
  rcx,
  rdx,
  rsi,
  rdi,
  rip,
  rflags,
  rsp,
  kCount
};
}

struct TaskContext {
  uint32_t task = 0;  // task number, from 1
  int32_t tid = 0;    // kernel thread id while recording
  std::array<uint64_t, reg::kCount> registers{};
  uint64_t fs_base = 0;
  uint64_t gs_base = 0;
  uint64_t signal_mask = 0;
  std::vector<std::byte> xsave;
  std::vector<std::byte> agent_state;  // opaque here: alternate stack, robust list and so on
};

// Where a run of pages is.
enum class PageSource : uint8_t {
  stored = 0,  // in image-N.pages
  zero = 1,    // all zero though the region's file is not
};

struct PageRun {
  uint64_t address = 0;
  uint64_t pages = 0;
  PageSource source = PageSource::stored;
  uint64_t first_stored = 0;  // index of its first page among the stored ones
};

class ImageWriter final {
 public:
  // Begins `folder`/image-`number`. The folder must exist.
  static Result<ImageWriter> create(const std::string& folder, uint32_t number);
  ImageWriter(ImageWriter&&) noexcept;
  ImageWriter& operator=(ImageWriter&&) noexcept;
  ~ImageWriter();

  // Regions in ascending order; a region before its pages.
  Result<void> add_region(const Region& region);

  // Whole pages inside one or more regions already added, in ascending order of address.
  Result<void> add_pages(uint64_t address, std::span<const std::byte> pages);

  // Writes the manifest; the image exists from here on.
  Result<void> finish(std::span<const TaskContext> tasks, std::span<const std::byte> agent_state);

  uint64_t pages() const;         // stored
  uint64_t zero_pages() const;    // seen and not stored
  uint64_t stored_bytes() const;  // of image-N.pages

 private:
  struct State;
  explicit ImageWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class ImageReader final {
 public:
  static Result<ImageReader> open(const std::string& folder, uint32_t number);
  ImageReader(ImageReader&&) noexcept;
  ImageReader& operator=(ImageReader&&) noexcept;
  ~ImageReader();

  const std::vector<Region>& regions() const;  // ascending
  const std::vector<TaskContext>& tasks() const;
  const std::vector<PageRun>& runs() const;  // ascending
  std::span<const std::byte> agent_state() const;
  const Region* region_at(uint64_t address) const;

  // Fills `out` (whole pages) with the memory at `address`: stored pages, file copies, zeros. If
  // not all of it is mapped, nothing is read. Reading in ascending order decompresses each
  // segment once. Content is checked against the segment's checksum.
  Result<void> read(uint64_t address, std::span<std::byte> out);

  // Only the pages the image itself holds: reads `run` from its page `skip` on into `out`.
  Result<void> read_run(const PageRun& run, uint64_t skip, std::span<std::byte> out);

  // Hash of the page at `address` (a multiple of 4096): {0, 0} for a zero page, nothing for a clean
  // page of a file copy, which is not hashed.
  Result<std::optional<PageHash>> page_hash(uint64_t address);

 private:
  struct State;
  explicit ImageReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ckpt
