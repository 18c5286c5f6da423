// Entry: the program installs a seccomp filter of its own that refuses one call and traps another. A recorder may
// refuse the filter: then the program says so.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <ucontext.h>

#include "tests/guests/check.h"

constexpr int kTrappedByFilter = 1;  // SYS_SECCOMP of asm-generic/siginfo.h, which clashes with signal.h
static volatile int traps = 0;
static void on_sigsys(int, siginfo_t* info, void* context) {
  CHECK(info->si_code == kTrappedByFilter && info->si_syscall == SYS_getpgrp);
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RAX] = 4711;
  traps = traps + 1;
}

int main() {
  struct sigaction action = {};
  action.sa_sigaction = on_sigsys;
  action.sa_flags = SA_SIGINFO;
  CHECK(sigaction(SIGSYS, &action, nullptr) == 0);
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTTY),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgrp, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  long result = raw_syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, address(&program));
  printf("seccomp: %ld\n", result);
  if (result == 0) {
    for (int i = 0; i < 10; i++) {
      CHECK(raw_syscall(SYS_getppid) == -ENOTTY);
      CHECK(raw_syscall(SYS_getpgrp) == 4711 && traps == i + 1);
      CHECK(raw_syscall(SYS_getpid) == getpid());
    }
  } else {
    CHECK(result == -ENOSYS || result == -EINVAL || result == -EPERM);
  }
  return finish();
}
