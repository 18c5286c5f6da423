// The library dlopen_dlclose loads: its own syscall instruction, and a constructor that uses it.
#include "tests/guests/check.h"

static long seen_at_load = 0;
__attribute__((constructor)) static void load() {
  seen_at_load = raw_syscall(SYS_getpid);
}

extern "C" long module_syscall(long number) {
  return raw_syscall(number);
}
extern "C" long module_pid_at_load() {
  return seen_at_load;
}
