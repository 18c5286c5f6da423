// Kernel writes: rings the kernel fills without a call. A recorder refuses them, as older kernels do, and the program
// falls back to ordinary reads.
#include <fcntl.h>
#include <linux/aio_abi.h>

#include "tests/guests/check.h"

static bool read_by_aio(int fd, char* buffer, size_t bytes) {
  aio_context_t context = 0;
  long result = raw_syscall(SYS_io_setup, 8, address(&context));
  printf("io_setup: %ld\n", result);
  if (result != 0) {
    CHECK(result == -ENOSYS || result == -EPERM || result == -EAGAIN);
    return false;
  }
  iocb request = {}, *requests[] = {&request};
  request.aio_lio_opcode = IOCB_CMD_PREAD;
  request.aio_fildes = unsigned(fd);
  request.aio_buf = uint64_t(address(buffer));
  request.aio_nbytes = bytes;
  io_event event = {};
  CHECK(raw_syscall(SYS_io_submit, long(context), 1, address(requests)) == 1);
  CHECK(raw_syscall(SYS_io_getevents, long(context), 1, 1, address(&event), 0) == 1 && event.res == long(bytes));
  CHECK(raw_syscall(SYS_io_destroy, long(context)) == 0);
  return true;
}

int main() {
  Scratch scratch;
  int fd = open(scratch.file("file").c_str(), O_CREAT | O_RDWR, 0600);
  CHECK(fd >= 0 && write(fd, "0123456789", 10) == 10);
  char buffer[11] = {};
  if (!read_by_aio(fd, buffer, 10)) CHECK(pread(fd, buffer, 10, 0) == 10);
  CHECK(strcmp(buffer, "0123456789") == 0);
  unsigned parameters[30] = {};
  long ring = raw_syscall(SYS_io_uring_setup, 8, address(parameters));
  CHECK(ring >= 0 || ring == -ENOSYS || ring == -EPERM);
  printf("io_uring_setup: %ld\n", ring);
  return finish();
}
