// Kernel writes: O_DIRECT needs aligned buffers: a scratch buffer in between must keep the alignment. A file system
// without it refuses the flag.
#include <fcntl.h>

#include "tests/guests/check.h"

int main() {
  Scratch scratch;
  std::string path = scratch.file("direct");
  constexpr size_t kBytes = 64 * 1024;
  auto* written = static_cast<unsigned char*>(aligned_alloc(4096, kBytes));
  auto* got = static_cast<unsigned char*>(aligned_alloc(4096, kBytes));
  for (size_t i = 0; i < kBytes; i++) written[i] = static_cast<unsigned char>(i * 31 + i / 4096);
  int fd = open(path.c_str(), O_CREAT | O_RDWR | O_DIRECT, 0600);
  if (fd < 0) {
    CHECK(errno == EINVAL);
    puts("O_DIRECT refused");
    return finish();
  }
  CHECK(write(fd, written, kBytes) == ssize_t(kBytes));
  CHECK(pread(fd, got, kBytes, 0) == ssize_t(kBytes) && memcmp(written, got, kBytes) == 0);
  CHECK(pread(fd, got, 8192, 4096) == 8192 && memcmp(written + 4096, got, 8192) == 0);
  CHECK(pread(fd, got, 8192, kBytes - 4096) == 4096);  // cut at the end of the file
  CHECK(pread(fd, got, 4096, kBytes) == 0);
  printf("buffer one byte off: %zd\n", pread(fd, got + 1, 4096, 0));
  printf("length one short: %zd\n", pread(fd, got, 4095, 0));
  printf("buffers %p %p\n", static_cast<void*>(written), static_cast<void*>(got));
  CHECK(close(fd) == 0);
  free(written);
  free(got);
  return finish();
}
