// Kernel writes: sendfile and copy_file_range move data and positions without our memory.
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include "tests/guests/check.h"

int main() {
  Scratch scratch;
  int from = open(scratch.file("from").c_str(), O_CREAT | O_RDWR, 0600);
  int to = open(scratch.file("to").c_str(), O_CREAT | O_RDWR, 0600), sockets[2];
  CHECK(from >= 0 && to >= 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
  static char written[10000], got[10000];
  CHECK(getrandom(written, sizeof written, 0) == sizeof written);
  CHECK(write(from, written, sizeof written) == sizeof written && lseek(from, 0, SEEK_SET) == 0);

  off_t offset = 100;
  CHECK(sendfile(sockets[1], from, &offset, 3000) == 3000 && offset == 3100 && lseek(from, 0, SEEK_CUR) == 0);
  CHECK(recv(sockets[0], got, 3000, MSG_WAITALL) == 3000 && memcmp(got, written + 100, 3000) == 0);
  CHECK(sendfile(to, from, nullptr, 20000) == sizeof written && lseek(from, 0, SEEK_CUR) == sizeof written);
  CHECK(pread(to, got, sizeof got, 0) == sizeof got && memcmp(got, written, sizeof got) == 0);

  off64_t in = 5000, out = 0;
  ssize_t copied = copy_file_range(from, &in, to, &out, 1000, 0);
  if (copied == -1) {
    CHECK(errno == EXDEV || errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL);
  } else {
    CHECK(copied == 1000 && in == 6000 && out == 1000);
    CHECK(pread(to, got, 1000, 0) == 1000 && memcmp(got, written + 5000, 1000) == 0);
  }
  printf("copy_file_range %zd, data %016lx\n", copied, hash_bytes(written, sizeof written));
  return finish();
}
