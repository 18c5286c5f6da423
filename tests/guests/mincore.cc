// Kernel writes: mincore writes a byte a page; which pages are resident is the kernel's business.
#include <fcntl.h>
#include <sys/mman.h>

#include "tests/guests/check.h"

int main() {
  constexpr size_t kPages = 100;
  auto* area = static_cast<char*>(mmap(nullptr, kPages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0));
  CHECK(area != MAP_FAILED);
  unsigned char resident[kPages + 1];
  memset(resident, 0xee, sizeof resident);
  for (size_t page = 0; page < kPages; page += 3) area[page * 4096] = 1;
  CHECK(mincore(area, kPages * 4096, resident) == 0);
  for (size_t page = 0; page < kPages; page++) CHECK((resident[page] & 1) == (page % 3 == 0));
  CHECK(resident[kPages] == 0xee);
  CHECK(mincore(area + 1, 4096, resident) == -1 && errno == EINVAL);

  Scratch scratch;
  int fd = open(scratch.file("file").c_str(), O_CREAT | O_RDWR, 0600);
  CHECK(fd >= 0 && ftruncate(fd, kPages * 4096) == 0 && pwrite(fd, "x", 1, 10 * 4096) == 1);
  void* mapped = mmap(nullptr, kPages * 4096, PROT_READ, MAP_SHARED, fd, 0);
  CHECK(mapped != MAP_FAILED && mincore(mapped, kPages * 4096, resident) == 0);
  printf("of the file %016lx\n", hash_bytes(resident, kPages));
  uint64_t pagemap = 0;
  int map = open("/proc/self/pagemap", O_RDONLY);
  if (map >= 0) CHECK(pread(map, &pagemap, 8, address(area) / 4096 * 8) == 8 && (pagemap >> 63) == 1);
  return finish();
}
