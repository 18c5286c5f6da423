// Entry: cpuid. It cannot always be trapped, so only what is the same on every core of a machine is printed.
#include <cpuid.h>

#include "tests/guests/check.h"

int main() {
  unsigned a, b, c, d, highest = __get_cpuid_max(0, nullptr);
  char vendor[13] = {};
  CHECK(highest >= 1 && __get_cpuid(0, &a, &b, &c, &d));
  memcpy(vendor, &b, 4), memcpy(vendor + 4, &d, 4), memcpy(vendor + 8, &c, 4);
  CHECK(__get_cpuid(1, &a, &b, &c, &d));
  CHECK(d & bit_SSE2);  // part of x86-64
  printf("%s, signature %x, features %x %x, highest leaf %x\n", vendor, a, c, d, highest);
  for (int i = 0; i < 1000; i++) {
    unsigned a2, b2, c2, d2;
    __cpuid(1, a2, b2, c2, d2);
    CHECK(a2 == a && c2 == c && d2 == d);
  }
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
    printf("leaf 7: %x %x\n", b, c);
    CHECK(!__builtin_cpu_supports("avx2") || (b & bit_AVX2));
  }
  return finish();
}
