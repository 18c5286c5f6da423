// Kernel writes: a memfd and a shared anonymous mapping, mapped twice in us and changed by a child.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "tests/guests/check.h"

int main() {
  int fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  CHECK(fd >= 0 && ftruncate(fd, 8192) == 0);
  auto* first = static_cast<volatile int*>(mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  auto* second = static_cast<volatile int*>(mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  auto* anonymous =
      static_cast<volatile int*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANON, -1, 0));
  CHECK(first != MAP_FAILED && second != MAP_FAILED && anonymous != MAP_FAILED);
  first[0] = 1;
  CHECK(second[0] == 1);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    second[1] = first[0] + 1;
    anonymous[7] = getpid();
    _exit(0);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(first[1] == 2 && anonymous[7] == child);
  CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0);
  CHECK(fcntl(fd, F_GET_SEALS) == (F_SEAL_SHRINK | F_SEAL_GROW));
  CHECK(ftruncate(fd, 4096) == -1 && errno == EPERM);
  CHECK(munmap(const_cast<int*>(second), 8192) == 0 && first[1] == 2);
  printf("child %d, mappings %p %p\n", child, const_cast<int*>(first), const_cast<int*>(anonymous));
  return finish();
}
