// Kernel writes: file locks of each kind, who holds them, and other things fcntl tells.
#include <fcntl.h>
#include <sys/file.h>

#include <thread>

#include "tests/guests/check.h"

int main() {
  Scratch scratch;
  std::string path = scratch.file("locked");
  int first = open(path.c_str(), O_CREAT | O_RDWR, 0600), second = open(path.c_str(), O_RDWR | O_APPEND);
  CHECK(first >= 0 && second >= 0);
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 20, .l_pid = 0}, asked = lock;
  CHECK(fcntl(first, F_OFD_SETLK, &lock) == 0);
  CHECK(fcntl(second, F_OFD_GETLK, &asked) == 0);
  CHECK(asked.l_type == F_WRLCK && asked.l_start == 10 && asked.l_len == 20 && asked.l_pid == -1);
  CHECK(fcntl(second, F_OFD_SETLK, &lock) == -1 && (errno == EAGAIN || errno == EACCES));
  std::thread waiter([=]() mutable { CHECK(fcntl(second, F_OFD_SETLKW, &lock) == 0); });
  sleep_ms(2);
  struct flock unlock = lock;
  unlock.l_type = F_UNLCK;
  CHECK(fcntl(first, F_OFD_SETLK, &unlock) == 0);
  waiter.join();
  asked = lock;
  CHECK(fcntl(first, F_GETLK, &asked) == 0 && asked.l_type == F_WRLCK && asked.l_pid == -1);
  CHECK(flock(first, LOCK_EX) == 0 && flock(second, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK);
  CHECK(flock(first, LOCK_UN) == 0 && flock(second, LOCK_SH | LOCK_NB) == 0);

  CHECK((fcntl(second, F_GETFL) & (O_ACCMODE | O_APPEND)) == (O_RDWR | O_APPEND));
  CHECK(fcntl(second, F_SETFL, 0) == 0 && !(fcntl(second, F_GETFL) & O_APPEND));
  int copy = fcntl(first, F_DUPFD_CLOEXEC, 50), ends[2];
  CHECK(copy >= 50 && fcntl(copy, F_GETFD) == FD_CLOEXEC);
  CHECK(pipe(ends) == 0 && fcntl(ends[0], F_GETPIPE_SZ) >= 4096);
  CHECK(fcntl(ends[0], F_SETPIPE_SZ, 8192) == 8192);
  f_owner_ex owner = {.type = F_OWNER_TID, .pid = gettid()}, got = {};
  CHECK(fcntl(ends[0], F_SETOWN_EX, &owner) == 0 && fcntl(ends[0], F_GETOWN_EX, &got) == 0);
  CHECK(got.type == F_OWNER_TID && got.pid == gettid());
  printf("%s\n", path.c_str());
  return finish();
}
