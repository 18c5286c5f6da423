// Entry: system(): a shell as a child, with SIGINT and SIGQUIT ignored and SIGCHLD blocked meanwhile.
#include <sys/wait.h>

#include "tests/guests/check.h"

int main() {
  CHECK(system(nullptr) != 0);
  fflush(stdout);
  int status = system("echo from the shell");
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  status = system("exit 3");
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
  status = system("kill -TERM $$");
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == 15);
  return finish();
}
