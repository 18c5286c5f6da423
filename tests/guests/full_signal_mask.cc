// Entry: every signal is blocked, SIGSYS and SIGSEGV too, and the mask reads back so, while new sites make calls.
#include <pthread.h>
#include <signal.h>

#include "tests/guests/check.h"

// libc keeps signals 32 and 33 to itself and unblocks them in its threads.
constexpr uint64_t kOfLibc = 3ull << 31;
constexpr uint64_t kNeverBlocked = 1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1);

static uint64_t mask() {
  uint64_t now = 0;
  CHECK(raw_syscall(SYS_rt_sigprocmask, SIG_BLOCK, 0, address(&now), 8) == 0);
  return now;
}

static void* in_thread(void*) {
  CHECK((mask() | kOfLibc) == ~kNeverBlocked);  // inherited
  CHECK(raw_syscall(SYS_getuid) == long(getuid()));
  return nullptr;
}

int main() {
  uint64_t all = ~0ull, before = 0;
  CHECK(raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, address(&all), address(&before), 8) == 0);
  CHECK(mask() == ~kNeverBlocked);
  CHECK(raw_syscall(SYS_getpid) == getpid());
  CHECK(raw_syscall(SYS_getppid) == getppid());
  CHECK(raw_syscall(SYS_getegid) == long(getegid()));
  pthread_t thread;
  CHECK(pthread_create(&thread, nullptr, in_thread, nullptr) == 0 && pthread_join(thread, nullptr) == 0);

  sigset_t set, pending;
  sigfillset(&set);
  for (int i = 0; i < 3; i++) CHECK(kill(getpid(), SIGUSR1) == 0);
  for (int i = 0; i < 3; i++) CHECK(sigqueue(getpid(), SIGRTMIN + 1, sigval{.sival_int = i}) == 0);
  CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1) == 1 && sigismember(&pending, SIGUSR2) == 0);
  siginfo_t info = {};
  CHECK(sigwaitinfo(&set, &info) == SIGUSR1 && info.si_pid == getpid());
  for (int i = 0; i < 3; i++) CHECK(sigwaitinfo(&set, &info) == SIGRTMIN + 1 && info.si_value.sival_int == i);
  timespec no_wait = {};
  CHECK(sigtimedwait(&set, &info, &no_wait) == -1 && errno == EAGAIN);
  CHECK((mask() | kOfLibc) == ~kNeverBlocked);
  printf("mask at start %016lx\n", before);
  return finish();
}
