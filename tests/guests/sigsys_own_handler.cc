// Entry: the program handles, blocks and ignores SIGSYS, and reads its settings back, while sites not met before make
// calls.
#include <signal.h>

#include "tests/guests/check.h"

static volatile int calls = 0, last_code = 0, last_value = 0;
static void on_sigsys(int, siginfo_t* info, void*) {
  calls = calls + 1;
  last_code = info->si_code;
  last_value = info->si_value.sival_int;
  CHECK(raw_syscall(SYS_getpid) == getpid());
}

int main() {
  struct sigaction action = {}, old = {};
  action.sa_sigaction = on_sigsys;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  CHECK(sigaction(SIGSYS, &action, &old) == 0);
  CHECK(old.sa_handler == SIG_DFL);
  CHECK(sigaction(SIGSYS, nullptr, &old) == 0);
  CHECK(old.sa_sigaction == on_sigsys && (old.sa_flags & ~0x04000000) == action.sa_flags);
  CHECK(raise(SIGSYS) == 0 && calls == 1 && last_code == SI_TKILL);
  sigval value = {.sival_int = 42};
  CHECK(sigqueue(getpid(), SIGSYS, value) == 0 && calls == 2 && last_code == SI_QUEUE && last_value == 42);

  sigset_t set, pending;
  sigemptyset(&set);
  sigaddset(&set, SIGSYS);
  CHECK(sigprocmask(SIG_BLOCK, &set, nullptr) == 0);
  CHECK(raw_syscall(SYS_gettid) == gettid());
  CHECK(raise(SIGSYS) == 0 && calls == 2);
  CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGSYS) == 1);
  CHECK(raw_syscall(SYS_getppid) == getppid());
  CHECK(sigprocmask(SIG_UNBLOCK, &set, nullptr) == 0 && calls == 3);

  CHECK(signal(SIGSYS, SIG_IGN) != SIG_ERR);
  CHECK(raise(SIGSYS) == 0 && calls == 3);
  CHECK(raw_syscall(SYS_getuid) == long(getuid()));
  CHECK(signal(SIGSYS, SIG_DFL) == SIG_IGN);
  CHECK(raw_syscall(SYS_geteuid) == long(geteuid()));
  return finish();
}
