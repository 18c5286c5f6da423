// Entry: the program closes everything from descriptor 3 up, by close_range and by loop, and dup2s onto high numbers.
#include <fcntl.h>
#include <sys/resource.h>

#include "tests/guests/check.h"

static int open_something() {
  return open("/dev/null", O_RDWR);
}

int main() {
  int opened[5];
  for (int& fd : opened) fd = open_something();
  CHECK(opened[4] >= 3);
  CHECK(raw_syscall(SYS_close_range, 3, ~0u, 0) == 0);
  for (int fd : opened) CHECK(fcntl(fd, F_GETFD) == -1 && errno == EBADF);
  CHECK(open_something() == 3 && open_something() == 4);

  rlimit limit;
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  int top = int(limit.rlim_cur < 4096 ? limit.rlim_cur : 4096);
  for (int fd = 3; fd < top; fd++) CHECK(close(fd) == 0 ? fd < 5 : errno == EBADF);
  CHECK(open_something() == 3);
  for (int fd : {100, 255, 1000})
    if (fd < top) CHECK(dup2(3, fd) == fd && dup3(3, fd, O_CLOEXEC) == fd && close(fd) == 0);
  int high = fcntl(3, F_DUPFD, top / 2);
  CHECK(high >= top / 2 && close(high) == 0);
  CHECK(raw_syscall(SYS_close_range, 3, ~0u, 4 /* CLOSE_RANGE_CLOEXEC */) == 0 && fcntl(3, F_GETFD) == FD_CLOEXEC);
  CHECK(close(3) == 0);
  uint64_t random = 0;
  int urandom = open("/dev/urandom", O_RDONLY);
  CHECK(urandom == 3 && read(urandom, &random, sizeof random) == sizeof random && close(urandom) == 0);
  printf("urandom %016lx\n", random);
  return finish();
}
