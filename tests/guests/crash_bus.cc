// Crashes: a load behind the end of a mapped file, without a handler.
#include <sys/mman.h>

#include "tests/guests/check.h"

int main() {
  int fd = memfd_create("guest", 0);
  CHECK(fd >= 0 && ftruncate(fd, 100) == 0);
  auto* mapped = static_cast<volatile char*>(mmap(nullptr, 8192, PROT_READ, MAP_SHARED, fd, 0));
  CHECK(mapped != MAP_FAILED && mapped[99] == 0 && mapped[4095] == 0);
  finish();
  return mapped[4096];
}
