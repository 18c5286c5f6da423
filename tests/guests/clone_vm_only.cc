// Threads: clone with CLONE_VM but neither CLONE_THREAD nor CLONE_VFORK: a child that runs beside us in our memory.
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "tests/guests/check.h"

static volatile int seen = 0;

static int child(void*) {
  seen = 42;
  return 7;
}

int main() {
  constexpr size_t kStack = 65536;
  void* stack = mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(stack != MAP_FAILED);
  for (int i = 0; i < 3; i++) {
    seen = 0;
    pid_t pid = clone(child, static_cast<char*>(stack) + kStack, CLONE_VM | SIGCHLD, nullptr);
    CHECK(pid > 0);
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7);
    CHECK(seen == 42);
  }
  return finish();
}
