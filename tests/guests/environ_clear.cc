// Entry: the program clears its environment and executes itself with none; nothing may appear in it.
#include "tests/guests/check.h"

int main(int argc, char** argv) {
  if (argc == 1) {
    printf("before exec: pid %d, stack %p\n", getpid(), static_cast<void*>(&argc));
    fflush(stdout);
    CHECK(clearenv() == 0);
    char again[] = "again";
    char* arguments[] = {argv[0], again, nullptr};
    char* nothing[] = {nullptr};
    execve("/proc/self/exe", arguments, nothing);
    CHECK(!"exec failed");
  }
  for (char** entry = environ; entry && *entry; entry++) printf("unexpected: %s\n", *entry);
  CHECK(argc == 2 && strcmp(argv[1], "again") == 0);
  CHECK(!environ || !*environ);
  CHECK(!getenv("LD_PRELOAD") && !getenv("GLIBC_TUNABLES"));
  return finish();
}
