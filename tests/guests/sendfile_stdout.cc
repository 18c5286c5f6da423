// Kernel writes: a file sent to standard output by sendfile and copy_file_range, without and with an offset.
#include <sys/sendfile.h>

#include "tests/guests/check.h"

int main() {
  FILE* file = tmpfile();
  CHECK(file);
  for (int i = 0; i < 20000; i++) fprintf(file, "line %d of the file\n", i);
  long bytes = ftell(file);
  CHECK(fflush(file) == 0 && fseek(file, 0, SEEK_SET) == 0);
  int fd = fileno(file);
  setvbuf(stdout, nullptr, _IONBF, 0);
  printf("the whole:\n");
  for (long done = 0; done < bytes;) {
    ssize_t sent = sendfile(1, fd, nullptr, static_cast<size_t>(bytes - done));
    CHECK(sent > 0);
    done += sent;
  }
  printf("a part:\n");
  off_t offset = 100;
  CHECK(sendfile(1, fd, &offset, 1000) == 1000 && offset == 1100);
  loff_t from = 50;
  ssize_t copied = copy_file_range(fd, &from, 1, nullptr, 100, 0);  // refused unless standard output is a file
  printf("\ncopied %d, offset %ld\n", copied >= 0, static_cast<long>(from - (copied > 0 ? copied : 0)));
  return finish();
}
