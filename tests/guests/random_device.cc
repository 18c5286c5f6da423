// Entry: std::random_device, which draws from rdrand, rdseed, a call or a device, as it was asked and as it can.
#include <random>

#include "tests/guests/check.h"

static void draw(const char* source) {
  try {
    std::random_device device(source);
    unsigned first = device(), second = device(), third = device();
    CHECK(first != second || second != third);
    printf("%s: %08x %08x %08x\n", source, first, second, third);
  } catch (const std::exception&) {
    printf("%s: not here\n", source);
  }
}

int main() {
  for (const char* source : {"default", "rdrand", "rdseed", "getentropy", "/dev/urandom"}) draw(source);
  std::mt19937_64 engine{std::random_device{}()};
  printf("engine %016lx\n", engine());
  return finish();
}
