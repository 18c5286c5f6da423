// Entry: the program lowers its limit of open files to 16 and runs into it.
#include <fcntl.h>
#include <sys/resource.h>

#include <thread>

#include "tests/guests/check.h"

int main() {
  rlimit before, low, now;
  CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
  low = {.rlim_cur = 16, .rlim_max = before.rlim_max};
  CHECK(setrlimit(RLIMIT_NOFILE, &low) == 0);
  CHECK(getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_cur == 16 && sysconf(_SC_OPEN_MAX) == 16);
  int first = open("/dev/zero", O_RDONLY), last = first, fd;
  CHECK(first >= 3);
  while ((fd = open("/dev/zero", O_RDONLY)) >= 0) last = fd;
  CHECK(errno == EMFILE && last == 15);
  int ends[2];
  CHECK(pipe(ends) == -1 && errno == EMFILE);
  CHECK(dup2(first, 16) == -1 && errno == EBADF);
  std::thread([] { CHECK(open("/dev/zero", O_RDONLY) == -1 && errno == EMFILE); }).join();
  for (fd = first; fd <= last; fd++) CHECK(close(fd) == 0 || errno == EBADF);
  CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(pipe(ends) == 0 && close(ends[0]) == 0 && close(ends[1]) == 0);
  printf("limit %lu\n", before.rlim_cur);
  return finish();
}
