// Crashes: a store to an unmapped address, without a handler.
#include "tests/guests/check.h"

int main() {
  finish();
  asm volatile("movl $1, 16" ::: "memory");
  return 1;
}
