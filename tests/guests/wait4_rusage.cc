// Kernel writes: wait4 and waitid fill a status, resource usage and a siginfo when a child ends.
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/guests/check.h"

static pid_t start(int code, unsigned delay_ms) {
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    sleep_ms(delay_ms);
    _exit(code);
  }
  return child;
}

int main() {
  for (unsigned delay_ms : {0u, 5u}) {
    pid_t child = start(21, delay_ms);
    int status = -1;
    rusage usage;
    memset(&usage, 0xff, sizeof usage);
    CHECK(wait4(child, &status, 0, &usage) == child && WIFEXITED(status) && WEXITSTATUS(status) == 21);
    CHECK(usage.ru_maxrss > 0 && usage.ru_utime.tv_sec >= 0 && usage.ru_utime.tv_usec < 1'000'000);
    printf("child %d: %ld KiB, %ld us, %ld faults\n", child, usage.ru_maxrss, usage.ru_stime.tv_usec, usage.ru_minflt);

    child = start(22, delay_ms);
    siginfo_t info = {};
    while (waitid(P_PID, id_t(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0) sched_yield();
    CHECK(info.si_signo == SIGCHLD && info.si_pid == child && info.si_status == 22 && info.si_code == CLD_EXITED);
    memset(&info, 0, sizeof info);
    CHECK(waitid(P_ALL, 0, &info, WEXITED) == 0 && info.si_pid == child && info.si_uid == getuid());
  }
  int status;
  CHECK(wait4(-1, &status, WNOHANG, nullptr) == -1 && errno == ECHILD);
  return finish();
}
