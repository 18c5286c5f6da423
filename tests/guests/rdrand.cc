// Entry: rdrand and rdseed inline, in each width, if the CPU has them.
#include <cpuid.h>

#include "tests/guests/check.h"

// Draws until the carry flag says there was a number.
#define DRAW(instruction, type)                                                   \
  ([] {                                                                           \
    type value = 0;                                                               \
    unsigned char valid = 0;                                                      \
    for (int i = 0; i < 10000 && !valid; i++)                                     \
      asm volatile(instruction " %0; setc %1" : "=r"(value), "=qm"(valid)::"cc"); \
    CHECK(valid);                                                                 \
    return value;                                                                 \
  })()

int main() {
  unsigned a, b, c, d;
  CHECK(__get_cpuid(1, &a, &b, &c, &d));
  bool has_rdrand = c & bit_RDRND;
  bool has_rdseed = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_RDSEED);
  printf("rdrand %d, rdseed %d\n", has_rdrand, has_rdseed);
  if (has_rdrand) {
    uint64_t first = DRAW("rdrand", uint64_t), second = DRAW("rdrand", uint64_t);
    CHECK(first != second);
    printf("%016lx %016lx %08x %04x\n", first, second, DRAW("rdrand", uint32_t), DRAW("rdrand", uint16_t));
  }
  if (has_rdseed) {
    uint64_t first = DRAW("rdseed", uint64_t), second = DRAW("rdseed", uint64_t);
    CHECK(first != second);
    printf("%016lx %016lx %08x %04x\n", first, second, DRAW("rdseed", uint32_t), DRAW("rdseed", uint16_t));
  }
  return finish();
}
