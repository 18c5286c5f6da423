// Crashes: the program's exit status is the recording's; destructors and exit handlers run before it.
#include "tests/guests/check.h"

struct AtEnd {
  ~AtEnd() { finish(); }
};
static AtEnd at_end;

int main() {
  atexit([] { puts("exit handler"); });
  return 42;
}
