// Entry: posix_spawn with file actions: the child shares our memory until it executes.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include "tests/guests/check.h"

int main(int argc, char** argv) {
  if (argc > 1) {
    printf("child %d\n", getpid());
    fflush(stdout);
    return 7;
  }
  for (int i = 0; i < 5; i++) {
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    CHECK(posix_spawn_file_actions_init(&actions) == 0);
    CHECK(posix_spawn_file_actions_adddup2(&actions, ends[1], 1) == 0);
    char word[] = "child";
    char* arguments[] = {argv[0], word, nullptr};
    pid_t child = 0;
    CHECK(posix_spawn(&child, "/proc/self/exe", &actions, nullptr, arguments, environ) == 0);
    CHECK(close(ends[1]) == 0);
    char text[64] = {};
    CHECK(read(ends[0], text, sizeof text - 1) > 0);
    CHECK(text == "child " + std::to_string(child) + "\n");
    printf("%s", text);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7);
    CHECK(close(ends[0]) == 0 && posix_spawn_file_actions_destroy(&actions) == 0);
  }
  pid_t child = 0;
  char* arguments[] = {argv[0], nullptr};
  CHECK(posix_spawn(&child, "/no/such/program", nullptr, nullptr, arguments, environ) == ENOENT);
  return finish();
}
