// Kernel writes: what the system and the process's account say of themselves.
#include <grp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/utsname.h>

#include "tests/guests/check.h"

int main() {
  utsname name;
  struct sysinfo info;
  CHECK(uname(&name) == 0 && strcmp(name.sysname, "Linux") == 0 && strcmp(name.machine, "x86_64") == 0);
  CHECK(sysinfo(&info) == 0 && info.totalram >= info.freeram && info.procs > 0);
  char host[sizeof name.nodename];
  CHECK(gethostname(host, sizeof host) == 0 && strcmp(host, name.nodename) == 0);
  printf("%s %s on %s, free %lu, load %lu\n", name.release, name.version, host, info.freeram, info.loads[0]);

  rusage usage;
  tms spent;
  rlimit limit;
  double load[3];
  CHECK(getrusage(RUSAGE_SELF, &usage) == 0 && usage.ru_maxrss > 0);
  clock_t ticks = times(&spent);
  CHECK(ticks != clock_t(-1) && prlimit(0, RLIMIT_STACK, nullptr, &limit) == 0 && limit.rlim_cur > 0);
  CHECK(getloadavg(load, 3) >= 0);
  printf("faults %ld, switches %ld, ticks %ld\n", usage.ru_minflt, usage.ru_nivcsw, ticks);

  uid_t real, effective, saved;
  gid_t groups[256];
  CHECK(getresuid(&real, &effective, &saved) == 0 && real == getuid() && effective == geteuid());
  int count = getgroups(256, groups);
  CHECK(count >= 0 && getgroups(0, nullptr) == count);
  mode_t mask = umask(027);
  CHECK(umask(mask) == 027);
  printf("uid %u, groups %d, session %d, group %d, umask %o\n", real, count, getsid(0), getpgrp(), mask);
  CHECK(getpgid(0) == getpgrp() && getpriority(PRIO_PROCESS, 0) <= 19);
  return finish();
}
