// Kernel writes: a gibibyte reserved and a few pages of it touched: capture must not read or store the rest.
#include <sys/mman.h>

#include "tests/guests/check.h"

int main() {
  constexpr size_t kBytes = 1ull << 30;
  int flags = MAP_PRIVATE | MAP_ANON | MAP_NORESERVE;
  auto* area = static_cast<unsigned char*>(mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, flags, -1, 0));
  CHECK(area != MAP_FAILED);
  void* reserved = mmap(nullptr, 16 * kBytes, PROT_NONE, flags, -1, 0);
  CHECK(reserved != MAP_FAILED);
  uint64_t random = 0, hash = 0;
  size_t touched[20];
  for (size_t& offset : touched) {
    CHECK(getrandom(&random, sizeof random, 0) == sizeof random);
    offset = random % (kBytes - sizeof random);
    memcpy(area + offset, &offset, sizeof offset);
  }
  for (size_t offset : touched) {
    size_t got;
    memcpy(&got, area + offset, sizeof got);
    hash = hash_bytes(&got, sizeof got, hash);
  }
  CHECK(mprotect(reserved, 4096, PROT_READ | PROT_WRITE) == 0);
  memset(reserved, 1, 4096);
  printf("areas %p %p, contents %016lx\n", static_cast<void*>(area), reserved, hash);
  CHECK(munmap(area + kBytes / 2, kBytes / 2) == 0 && munmap(area, kBytes / 2) == 0);
  return finish();
}
