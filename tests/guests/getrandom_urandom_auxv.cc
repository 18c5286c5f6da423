// Kernel writes: random bytes from a call, a device and the auxiliary vector; the stack canary made of them.
#include <fcntl.h>
#include <sys/auxv.h>

#include "tests/guests/check.h"

int main() {
  uint64_t numbers[4] = {};
  CHECK(getrandom(numbers, sizeof numbers, 0) == sizeof numbers);
  printf("getrandom %016lx %016lx\n", numbers[0], numbers[3]);
  CHECK(getrandom(numbers, 5, GRND_NONBLOCK) == 5);
  CHECK(getentropy(numbers, sizeof numbers) == 0);
  printf("getentropy %016lx\n", numbers[1]);
  for (const char* path : {"/dev/urandom", "/dev/random"}) {
    int fd = open(path, O_RDONLY);
    CHECK(fd >= 0 && read(fd, numbers, sizeof numbers) == sizeof numbers && close(fd) == 0);
    printf("%s %016lx\n", path, numbers[2]);
  }
  auto* at_random = reinterpret_cast<const uint64_t*>(getauxval(AT_RANDOM));
  CHECK(at_random);
  uint64_t canary, pointer_guard;
  asm("movq %%fs:0x28, %0; movq %%fs:0x30, %1" : "=r"(canary), "=r"(pointer_guard));
  CHECK(canary == (at_random[0] & ~0xffull));  // libc takes it from there and clears the low byte
  CHECK(pointer_guard == at_random[1]);
  printf("AT_RANDOM %016lx %016lx\n", at_random[0], at_random[1]);
  CHECK(getauxval(AT_PAGESZ) == 4096 && getauxval(AT_PHDR) != 0);

  // The program's own auxiliary vector as the kernel tells it.
  uint64_t entry[2];
  int fd = open("/proc/self/auxv", O_RDONLY), count = 0;
  CHECK(fd >= 0);
  while (read(fd, entry, sizeof entry) == sizeof entry && entry[0] != AT_NULL) {
    count++;
    if (entry[0] == AT_RANDOM) CHECK(entry[1] == uint64_t(address(at_random)));
  }
  CHECK(count > 10);
  return finish();
}
