// Kernel writes: two shared mappings of one file and its descriptor: a write through any is seen through all.
#include <fcntl.h>
#include <sys/mman.h>

#include "tests/guests/check.h"

int main() {
  Scratch scratch;
  int fd = open(scratch.file("mapped").c_str(), O_CREAT | O_RDWR, 0600);
  CHECK(fd >= 0 && ftruncate(fd, 3 * 4096) == 0);
  auto map = [&](int flags) {
    void* mapping = mmap(nullptr, 3 * 4096, PROT_READ | PROT_WRITE, flags, fd, 0);
    CHECK(mapping != MAP_FAILED);
    return static_cast<volatile char*>(mapping);
  };
  volatile char *first = map(MAP_SHARED), *second = map(MAP_SHARED), *own = map(MAP_PRIVATE);
  for (int i = 0; i < 100; i++) {
    char byte = char('a' + i % 26), got = 0;
    first[i] = byte;
    CHECK(second[i] == byte && pread(fd, &got, 1, i) == 1 && got == byte);
    byte++;
    CHECK(pwrite(fd, &byte, 1, 5000 + i) == 1);
    CHECK(first[5000 + i] == byte && second[5000 + i] == byte && own[5000 + i] == byte);
    own[9000 + i] = 'p';
    CHECK(first[9000 + i] == 0 && pread(fd, &got, 1, 9000 + i) == 1 && got == 0);
  }
  CHECK(msync(const_cast<char*>(first), 3 * 4096, MS_SYNC) == 0);
  CHECK(ftruncate(fd, 4096) == 0 && ftruncate(fd, 3 * 4096) == 0);
  CHECK(first[5000] == 0 && first[0] == 'a');
  CHECK(own[9000] == 0);  // cutting the file took the private copy of the page too
  // A read into the mapping of the very file, and one more mapping in place of a part.
  CHECK(pread(fd, const_cast<char*>(second) + 8192, 100, 0) == 100 && first[8192 + 99] == first[99]);
  void* part = mmap(const_cast<char*>(second), 4096, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 8192);
  CHECK(part == second && second[1] == first[8193]);
  printf("mappings %p %p %p\n", const_cast<char*>(first), const_cast<char*>(second), const_cast<char*>(own));
  return finish();
}
