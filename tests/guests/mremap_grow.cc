// Kernel writes: mappings that grow in place, move, overlay others, and keep their contents.
#include <sys/mman.h>

#include "tests/guests/check.h"

static char* map(size_t bytes) {
  void* mapping = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
  CHECK(mapping != MAP_FAILED);
  return static_cast<char*>(mapping);
}

int main() {
  size_t bytes = 4096;
  char* area = map(bytes);
  memset(area, 'a', bytes);
  for (int i = 0; i < 10; i++) {
    map(4096);  // something to move around
    char* grown = static_cast<char*>(mremap(area, bytes, bytes * 2, MREMAP_MAYMOVE));
    CHECK(grown != MAP_FAILED);
    for (size_t at = 0; at < bytes; at += 512) CHECK(grown[at] == 'a' + char(at / 4096 % 16));
    for (size_t at = bytes; at < bytes * 2; at += 512) {
      CHECK(grown[at] == 0);
      grown[at] = 'a' + char(at / 4096 % 16);
    }
    printf("%zu KiB at %p%s\n", bytes / 512, static_cast<void*>(grown), grown == area ? "" : ", moved");
    area = grown;
    bytes *= 2;
  }
  char* target = map(bytes);
  CHECK(mremap(area, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, target) == target);
  CHECK(target[8192] == 'c' && target[0] == 'a');
  unsigned char resident;
  CHECK(mincore(area, 4096, &resident) == -1 && errno == ENOMEM);  // the old place is empty
  CHECK(mremap(target, bytes, 8192, 0) == target);                 // shrink
  CHECK(mprotect(target, 4096, PROT_READ) == 0 && target[0] == 'a');
  CHECK(mremap(target, 8192, 1 << 20, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT);  // two mappings
  CHECK(mlock(target, 4096) == 0 || errno == ENOMEM || errno == EPERM || errno == EAGAIN);
  CHECK(munmap(target, 8192) == 0);
  return finish();
}
