// Entry: handlers end by siglongjmp, for signals sent inside a call and for faults, hundreds of times; the mask comes
// back.
#include <setjmp.h>
#include <signal.h>

#include "tests/guests/check.h"

static sigjmp_buf back;
static void jump_out(int signal_number) {
  CHECK(raw_syscall(SYS_getpid) == getpid());
  siglongjmp(back, signal_number);
}

static bool blocked(int signal_number) {
  sigset_t now;
  CHECK(sigprocmask(SIG_BLOCK, nullptr, &now) == 0);
  return sigismember(&now, signal_number) == 1;
}

int main() {
  for (int signal_number : {SIGUSR1, SIGSEGV, SIGILL}) {
    struct sigaction action = {};
    action.sa_handler = jump_out;
    sigfillset(&action.sa_mask);
    CHECK(sigaction(signal_number, &action, nullptr) == 0);
  }
  volatile int jumps = 0;
  for (volatile int i = -1; i < 299;) {
    i = i + 1;
    int arrived = sigsetjmp(back, 1);
    if (arrived) {
      jumps = jumps + 1;
      CHECK(!blocked(arrived) && !blocked(SIGTERM));
      continue;
    }
    if (i % 3 == 0) raise(SIGUSR1);
    if (i % 3 == 1) asm volatile("movl $1, 0" ::: "memory");
    if (i % 3 == 2) asm volatile("ud2");
    CHECK(!"came back from the signal");
  }
  CHECK(jumps == 300);
  return finish();
}
