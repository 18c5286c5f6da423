// Kernel writes: a folder's entries, in the kernel's order, by the call itself with a small buffer and by libc.
#include <dirent.h>
#include <fcntl.h>

#include <set>

#include "tests/guests/check.h"

struct Entry {
  uint64_t inode;
  int64_t offset;
  unsigned short bytes;
  unsigned char type;
  char name[];
};

int main() {
  Scratch scratch;
  std::set<std::string> expected = {".", ".."}, raw, by_libc;
  for (int i = 0; i < 150; i++) {
    std::string name = "file-" + std::string(size_t(i % 40), 'x') + std::to_string(i);
    int fd = open(scratch.file(name).c_str(), O_CREAT | O_WRONLY, 0600);
    CHECK(fd >= 0 && close(fd) == 0);
    expected.insert(name);
  }
  int folder = open(scratch.path().c_str(), O_RDONLY | O_DIRECTORY);
  CHECK(folder >= 0);
  alignas(8) char buffer[700];
  uint64_t order = 0;
  long got;
  while ((got = raw_syscall(SYS_getdents64, folder, address(buffer), sizeof buffer)) > 0)
    for (long at = 0; at < got;) {
      auto* entry = reinterpret_cast<Entry*>(buffer + at);
      raw.insert(entry->name);
      order = hash_bytes(&entry->inode, sizeof entry->inode, order);
      order = hash_bytes(entry->name, strlen(entry->name), order);
      at += entry->bytes;
    }
  CHECK(got == 0 && raw == expected);
  CHECK(lseek(folder, 0, SEEK_SET) == 0);
  CHECK(raw_syscall(SYS_getdents64, folder, address(buffer), 4) == -EINVAL);  // no room for one entry
  DIR* stream = fdopendir(folder);
  CHECK(stream);
  rewinddir(stream);
  while (dirent* entry = readdir(stream)) by_libc.insert(entry->d_name);
  CHECK(by_libc == expected && closedir(stream) == 0);
  printf("order and inodes %016lx\n", order);
  return finish();
}
