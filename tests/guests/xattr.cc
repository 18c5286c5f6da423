// Kernel writes: extended attributes: a value, a list, their sizes. A file system may have none.
#include <fcntl.h>
#include <sys/xattr.h>

#include "tests/guests/check.h"

int main() {
  Scratch scratch;
  std::string path = scratch.file("file");
  int fd = open(path.c_str(), O_CREAT | O_RDWR, 0600);
  CHECK(fd >= 0);
  char value[100] = {}, random[16];
  CHECK(getrandom(random, sizeof random, 0) == sizeof random);
  if (setxattr(path.c_str(), "user.guest", random, sizeof random, XATTR_CREATE) != 0) {
    CHECK(errno == EOPNOTSUPP || errno == EPERM);
    puts("no extended attributes here");
    return finish();
  }
  CHECK(getxattr(path.c_str(), "user.guest", nullptr, 0) == 16);
  CHECK(getxattr(path.c_str(), "user.guest", value, 10) == -1 && errno == ERANGE);
  CHECK(fgetxattr(fd, "user.guest", value, sizeof value) == 16 && memcmp(value, random, 16) == 0);
  CHECK(fsetxattr(fd, "user.second", "v", 1, 0) == 0);
  char list[200] = {};
  ssize_t bytes = listxattr(path.c_str(), list, sizeof list);
  CHECK(bytes >= 23 && flistxattr(fd, nullptr, 0) == bytes);
  CHECK(memmem(list, size_t(bytes), "user.second", 12));
  CHECK(removexattr(path.c_str(), "user.guest") == 0);
  CHECK(lgetxattr(path.c_str(), "user.guest", value, sizeof value) == -1 && errno == ENODATA);
  printf("value %016lx\n", hash_bytes(random, sizeof random));
  return finish();
}
