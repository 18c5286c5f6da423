// Crashes: an instruction that is none, without a handler.
#include "tests/guests/check.h"

int main() {
  finish();
  asm volatile("ud2");
  return 1;
}
