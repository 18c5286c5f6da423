// Entry: a vfork child runs on our memory while we are held, then exits or executes.
#include <sys/wait.h>

#include "tests/guests/check.h"

static volatile int written_by_child = 0;

// Kept out of main: the child leaves by _exit or exec, so this frame is still whole when the parent goes on.
__attribute__((noinline)) static pid_t start(char** arguments, int code) {
  pid_t child = vfork();
  if (child == 0) {
    written_by_child = written_by_child + code;
    if (!arguments) _exit(code);
    execv("/proc/self/exe", arguments);
    _exit(99);
  }
  return child;
}

static void expect(pid_t child, int code) {
  int status = 0;
  CHECK(child > 0 && waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == code);
}

int main(int argc, char** argv) {
  if (argc > 1) return 6;
  for (int i = 1; i <= 5; i++) {
    pid_t child = start(nullptr, 5);
    CHECK(written_by_child == 11 * (i - 1) + 5);  // seen at once: same memory
    expect(child, 5);
    char word[] = "child";
    char* arguments[] = {argv[0], word, nullptr};
    child = start(arguments, 6);
    CHECK(written_by_child == 11 * i);
    expect(child, 6);
    printf("child %d\n", child);
  }
  return finish();
}
