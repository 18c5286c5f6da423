// denied PROGRAM [ARG...]: runs it as containers run things: ptrace, perf_event_open,
// personality and userfaultfd fail with EPERM, and, if started by root, as nobody.
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  constexpr unsigned kDenied[] = {SYS_ptrace, SYS_perf_event_open, SYS_personality, SYS_userfaultfd};
  constexpr unsigned char kCount = sizeof kDenied / sizeof *kDenied;
  sock_filter filter[kCount + 3] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (unsigned char i = 0; i < kCount; i++)
    filter[1 + i] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kDenied[i], static_cast<unsigned char>(kCount - i), 0);
  filter[kCount + 1] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  filter[kCount + 2] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
  sock_fprog program = {kCount + 3, filter};
  constexpr unsigned kNobody = 65534;
  // Where a folder on the way is closed to others, the denials alone are tested.
  if (geteuid() == 0 && (setegid(kNobody) != 0 || seteuid(kNobody) != 0)) return 2;
  bool reachable = access(argv[argc - 1], R_OK) == 0;
  if (getuid() == 0 && (seteuid(0) != 0 || setegid(0) != 0)) return 2;
  if (geteuid() == 0 && reachable && (setgid(kNobody) != 0 || setuid(kNobody) != 0)) return 2;
  if (!reachable) puts("as root: the build folder is closed to others");
  fflush(stdout);
  argv[argc - 1] = nullptr;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    return 2;
  execvp(argv[1], argv + 1);
  return 2;
}
