// Kernel writes: madvise drops pages, so that memory changes without a store: to zeros, or to the file's bytes.
#include <fcntl.h>
#include <sys/mman.h>

#include "tests/guests/check.h"

int main() {
  constexpr size_t kBytes = 64 * 4096;
  auto* area = static_cast<char*>(mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0));
  CHECK(area != MAP_FAILED);
  for (int round = 0; round < 10; round++) {
    memset(area, 'a' + round, kBytes);
    CHECK(madvise(area + 4096, kBytes / 2, MADV_DONTNEED) == 0);
    CHECK(area[0] == 'a' + round && area[4095] == 'a' + round && area[kBytes / 2 + 4096] == 'a' + round);
    for (size_t i = 4096; i < kBytes / 2 + 4096; i += 100) CHECK(area[i] == 0);
  }
  // After MADV_FREE a page holds the old bytes or zeros, until it is written.
  memset(area, 'f', kBytes);
  CHECK(madvise(area, kBytes, MADV_FREE) == 0);
  int kept = 0;
  for (size_t i = 0; i < kBytes; i += 4096) {
    CHECK(area[i] == 'f' || area[i] == 0);
    kept += area[i] == 'f';
    area[i] = 'n';
    CHECK(area[i] == 'n');
  }
  printf("pages kept after MADV_FREE: %d\n", kept);

  Scratch scratch;
  int fd = open(scratch.file("file").c_str(), O_CREAT | O_RDWR, 0600);
  CHECK(fd >= 0 && pwrite(fd, "from the file", 13, 4096) == 13);
  auto* mapped = static_cast<char*>(mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
  CHECK(mapped != MAP_FAILED);
  memset(mapped, 'p', 4096 + 13);
  CHECK(madvise(mapped, 8192, MADV_DONTNEED) == 0);
  CHECK(mapped[0] == 0 && memcmp(mapped + 4096, "from the file", 13) == 0);
  for (int advice : {MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTDUMP, MADV_DONTFORK})
    CHECK(madvise(mapped, 8192, advice) == 0);
  CHECK(madvise(area + 1, 4096, MADV_DONTNEED) == -1 && errno == EINVAL);
  printf("areas %p %p\n", static_cast<void*>(area), static_cast<void*>(mapped));
  return finish();
}
