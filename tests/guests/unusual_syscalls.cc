// Entry: call numbers the kernel does not have, and pointers it cannot use.
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "tests/guests/check.h"

int main() {
  for (long number : {9999L, 600L, 400L, 0x7fffffffL, -1L}) CHECK(raw_syscall(number, 1, 2, 3) == -ENOSYS);
  auto* pages = static_cast<char*>(mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0));
  CHECK(pages != MAP_FAILED && mprotect(pages + 4096, 4096, PROT_NONE) == 0);
  Scratch scratch;
  int file = open(scratch.file("data").c_str(), O_CREAT | O_RDWR, 0600);
  int ends[2];
  CHECK(file >= 0 && ftruncate(file, 8192) == 0 && pipe(ends) == 0 && write(ends[1], "12345678", 8) == 8);
  for (long bad : {address(pages + 4096), 8L, long(0xdead000000000000)}) {
    CHECK(raw_syscall(SYS_read, ends[0], bad, 4) == -EFAULT);
    CHECK(raw_syscall(SYS_pread64, file, bad, 4, 0) == -EFAULT);
    CHECK(raw_syscall(SYS_write, ends[1], bad, 4) == -EFAULT);
    CHECK(raw_syscall(SYS_open, bad, O_RDONLY) == -EFAULT);
    CHECK(raw_syscall(SYS_openat, AT_FDCWD, bad, O_RDONLY) == -EFAULT);
    CHECK(raw_syscall(SYS_stat, bad, bad) == -EFAULT);
    CHECK(raw_syscall(SYS_stat, address("/"), bad) == -EFAULT);
    CHECK(raw_syscall(SYS_fstat, file, bad) == -EFAULT);
    CHECK(raw_syscall(SYS_statx, AT_FDCWD, address("/"), 0, STATX_ALL, bad) == -EFAULT);
    CHECK(raw_syscall(SYS_uname, bad) == -EFAULT);
    CHECK(raw_syscall(SYS_getcwd, bad, 4096) == -EFAULT);
    CHECK(raw_syscall(SYS_clock_gettime, CLOCK_MONOTONIC, bad) == -EFAULT);
    CHECK(raw_syscall(SYS_nanosleep, bad, 0) == -EFAULT);
    CHECK(raw_syscall(SYS_poll, bad, 1, 0) == -EFAULT);
    CHECK(raw_syscall(SYS_pipe2, bad, 0) == -EFAULT);
    CHECK(raw_syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, bad) == -EFAULT);
    CHECK(raw_syscall(SYS_getrandom, bad, 16, 0) == -EFAULT);
    CHECK(raw_syscall(SYS_rt_sigaction, 10, bad, 0, 8) == -EFAULT);
    CHECK(raw_syscall(SYS_readv, file, bad, 1) == -EFAULT);
    CHECK(raw_syscall(SYS_futex, bad & ~3L, 0, 0, 0) == -EFAULT);
    CHECK(raw_syscall(SYS_epoll_ctl, 0, EPOLL_CTL_ADD, 0, bad) == -EFAULT);
  }
  CHECK(raw_syscall(SYS_rt_sigaction, 10, 0, 0, 4) == -EINVAL);
  CHECK(raw_syscall(SYS_read, -1, address(pages), 4) == -EBADF);
  CHECK(raw_syscall(SYS_munmap, 1, 4096) == -EINVAL);
  // A buffer whose second half is not there: what the kernel did before it noticed.
  printf("read across the end: %ld\n", raw_syscall(SYS_pread64, file, address(pages + 4000), 4000, 0));
  printf("getrandom across the end: %ld\n", raw_syscall(SYS_getrandom, address(pages + 4000), 256, 0));
  printf("write across the end: %ld\n", raw_syscall(SYS_pwrite64, file, address(pages + 4000), 4000, 0));
  printf("page %016lx\n", hash_bytes(pages, 4096));
  char eight[9] = {};
  CHECK(read(ends[0], eight, 8) == 8 && strcmp(eight, "12345678") == 0);  // no failed read ate them
  return finish();
}
