// Kernel writes: process_vm_readv and process_vm_writev between us and a child, and from us to ourselves.
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "tests/guests/check.h"

static char area[3 * 4096];

int main() {
  char buffer[5000] = {};
  memset(area, 'a', sizeof area);
  iovec mine = {buffer, sizeof buffer}, theirs[] = {{area, 1000}, {area + 4096, 4000}};
  CHECK(process_vm_readv(getpid(), &mine, 1, theirs, 2, 0) == 5000 && buffer[4999] == 'a');
  memset(buffer, 'b', sizeof buffer);
  CHECK(process_vm_writev(getpid(), &mine, 1, theirs, 2, 0) == 5000 && area[999] == 'b' && area[1000] == 'a');

  int go[2];
  CHECK(pipe(go) == 0);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    char byte;
    CHECK(read(go[0], &byte, 1) == 1);  // meanwhile the parent writes into this copy
    _exit(area[8192] == 'c' && area[0] == 'b' ? 0 : 1);
  }
  memset(buffer, 'c', sizeof buffer);
  mine.iov_len = 100, theirs[0] = {area + 8192, 100};
  ssize_t written = process_vm_writev(child, &mine, 1, theirs, 1, 0);
  printf("written to the child: %zd\n", written);
  if (written == -1) CHECK(errno == EPERM || errno == ENOSYS);  // not every system lets us
  CHECK(write(go[1], "x", 1) == 1);
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && (written == -1 || status == 0) && area[8192] == 'a');
  CHECK(process_vm_readv(child, &mine, 1, theirs, 1, 0) == -1 && errno == ESRCH);
  return finish();
}
