// Entry: a timer fires every few microseconds while the program makes calls and allocates, and the handler makes calls
// too: signals arrive between any two instructions of whatever intercepts them.
#include <signal.h>
#include <sys/time.h>

#include "tests/guests/check.h"

static volatile int handled = 0;
static int ends[2];

static void on_alarm(int) {
  int saved = errno;
  CHECK(raw_syscall(SYS_getpid) == getpid());
  char byte = 's';
  CHECK(write(ends[1], &byte, 1) == 1 && read(ends[0], &byte, 1) == 1 && byte == 's');
  handled = handled + 1;
  errno = saved;
}

int main() {
  CHECK(pipe(ends) == 0);
  struct sigaction action = {};
  action.sa_handler = on_alarm;
  action.sa_flags = SA_RESTART;
  CHECK(sigaction(SIGALRM, &action, nullptr) == 0);
  itimerval every = {.it_interval = {0, 50}, .it_value = {0, 50}}, never = {};
  CHECK(setitimer(ITIMER_REAL, &every, nullptr) == 0);
  uint64_t rounds = 0, hash = 0;
  for (; handled < 1000; rounds++) {
    CHECK(raw_syscall(SYS_gettid) == gettid());
    CHECK(raw_syscall(SYS_close, -1) == -EBADF && raw_syscall(9999) == -ENOSYS);
    void* block = malloc(rounds % 3000);
    hash = hash_bytes(&block, sizeof block, hash);
    free(block);
    errno = 12345;
    CHECK(close(-1) == -1 && errno == EBADF);
  }
  CHECK(setitimer(ITIMER_REAL, &never, nullptr) == 0);
  printf("rounds %lu, addresses %016lx, handled %d\n", rounds, hash, handled);
  return finish();
}
