// Threads: a spin with nothing in it, and one that counts in a register: the place of the switch is not at an event.
#include <thread>

#include "tests/guests/check.h"

static volatile int flag = 0;

// Spins until the flag is `wanted`. Returns how often it looked.
__attribute__((noinline)) static uint64_t spin(int wanted) {
  uint64_t looks = 0;
  while (flag != wanted) looks++;
  return looks;
}

int main() {
  uint64_t looks = 0;
  for (int i = 0; i < 10; i++) {
    std::thread setter([&] { flag = 2 * i + 1; });
    while (flag != 2 * i + 1) {
    }
    setter.join();
    std::thread counted([&] {
      flag = 2 * i + 2;
      spin(2 * i + 3);
    });
    looks += spin(2 * i + 2);
    flag = 2 * i + 3;
    counted.join();
    flag = 0;
  }
  printf("looked %lu times\n", looks);
  return finish();
}
