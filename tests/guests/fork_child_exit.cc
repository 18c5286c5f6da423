// Entry: fork; the child has its own memory and id and ends by exit, by _exit or by a signal.
#include <signal.h>
#include <sys/wait.h>

#include "tests/guests/check.h"

int main() {
  int shared_ends[2], private_value = 1;
  CHECK(pipe(shared_ends) == 0);
  for (int way = 0; way < 3; way++) {
    fflush(stdout);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      private_value = 2;
      uint64_t said[2] = {uint64_t(getpid()), uint64_t(getppid())};
      CHECK(write(shared_ends[1], said, sizeof said) == sizeof said);
      if (way == 0) exit(11);
      if (way == 1) _exit(12);
      kill(getpid(), SIGKILL);
    }
    uint64_t said[2] = {};
    CHECK(read(shared_ends[0], said, sizeof said) == sizeof said);
    CHECK(said[0] == uint64_t(child) && said[1] == uint64_t(getpid()));
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    if (way < 2) CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 11 + way);
    if (way == 2) CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    CHECK(private_value == 1);
    printf("child %d ended, status %x\n", child, status);
  }
  CHECK(waitpid(-1, nullptr, 0) == -1 && errno == ECHILD);
  return finish();
}
