// Kernel writes: data goes between pipes and files inside the kernel, by splice, tee and vmsplice.
#include <fcntl.h>
#include <sys/uio.h>

#include "tests/guests/check.h"

int main() {
  Scratch scratch;
  int file = open(scratch.file("data").c_str(), O_CREAT | O_RDWR, 0600), first[2], second[2];
  CHECK(file >= 0 && pipe(first) == 0 && pipe(second) == 0);
  char written[4096], got[4096] = {};
  CHECK(getrandom(written, sizeof written, 0) == sizeof written);
  CHECK(write(file, written, sizeof written) == sizeof written);

  loff_t offset = 1000;
  CHECK(splice(file, &offset, first[1], nullptr, 2000, 0) == 2000 && offset == 3000);
  CHECK(tee(first[0], second[1], 500, 0) == 500);
  CHECK(read(second[0], got, sizeof got) == 500 && memcmp(got, written + 1000, 500) == 0);
  CHECK(read(first[0], got, sizeof got) == 2000 && memcmp(got, written + 1000, 2000) == 0);

  iovec vectors[] = {{written, 100}, {written + 2000, 50}};
  CHECK(vmsplice(first[1], vectors, 2, 0) == 150);
  CHECK(splice(first[0], nullptr, second[1], nullptr, 120, 0) == 120);
  offset = 0;
  CHECK(splice(second[0], nullptr, file, &offset, 120, SPLICE_F_MOVE) == 120 && offset == 120);
  CHECK(pread(file, got, 120, 0) == 120 && memcmp(got, written, 100) == 0 &&
        memcmp(got + 100, written + 2000, 20) == 0);
  CHECK(read(first[0], got, 100) == 30 && memcmp(got, written + 2020, 30) == 0);
  CHECK(splice(first[0], nullptr, second[1], nullptr, 10, SPLICE_F_NONBLOCK) == -1 && errno == EAGAIN);
  printf("data %016lx\n", hash_bytes(written, sizeof written));
  return finish();
}
