// Kernel writes: the stat family, by path, descriptor and folder, and what it says of time, links and space.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "tests/guests/check.h"

int main() {
  Scratch scratch;
  std::string path = scratch.file("file"), link_path = scratch.file("link");
  int fd = open(path.c_str(), O_CREAT | O_RDWR, 0640);
  CHECK(fd >= 0 && ftruncate(fd, 12345) == 0 && symlink("file", link_path.c_str()) == 0);
  CHECK(fchmod(fd, 0604) == 0);
  timespec times[2] = {{.tv_sec = 1'000'000'000, .tv_nsec = 5}, {.tv_sec = 1'100'000'000, .tv_nsec = 6}};
  CHECK(futimens(fd, times) == 0);

  struct statx extended = {};
  CHECK(statx(AT_FDCWD, path.c_str(), 0, STATX_BASIC_STATS | STATX_BTIME, &extended) == 0);
  CHECK(extended.stx_size == 12345 && extended.stx_mtime.tv_sec == 1'100'000'000);
  struct stat by_path, by_fd, by_folder, of_link;
  int folder = open(scratch.path().c_str(), O_PATH);
  CHECK(stat(path.c_str(), &by_path) == 0 && fstat(fd, &by_fd) == 0 && lstat(link_path.c_str(), &of_link) == 0);
  CHECK(folder >= 0 && fstatat(folder, "file", &by_folder, 0) == 0);
  CHECK(memcmp(&by_path, &by_fd, sizeof by_fd) == 0 && memcmp(&by_path, &by_folder, sizeof by_fd) == 0);
  CHECK((by_fd.st_mode & 07777) == 0604 && by_fd.st_uid == geteuid() && by_fd.st_ino == extended.stx_ino);
  CHECK(S_ISLNK(of_link.st_mode) && of_link.st_size == 4);
  char target[10] = {};
  CHECK(readlinkat(folder, "link", target, sizeof target) == 4 && strcmp(target, "file") == 0);
  CHECK(stat(scratch.file("none").c_str(), &by_path) == -1 && errno == ENOENT);
  CHECK(faccessat(folder, "file", R_OK, 0) == 0 && fchdir(folder) == 0 && access("link", F_OK) == 0);
  struct statvfs space;
  CHECK(statvfs("file", &space) == 0 && space.f_bsize > 0);
  CHECK(chdir("/") == 0);
  printf("inode %lu of %u:%u, changed %ld.%09ld, free %lu\n", by_fd.st_ino, major(by_fd.st_dev), minor(by_fd.st_dev),
         by_fd.st_ctim.tv_sec, by_fd.st_ctim.tv_nsec, space.f_bfree);
  return finish();
}
