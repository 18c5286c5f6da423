// Entry: prctl settings that change what a process may do, or what others see of it, and read back.
#include <signal.h>
#include <sys/prctl.h>

#include <thread>

#include "tests/guests/check.h"

int main() {
  CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) >= 0);
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) == -1 && errno == EINVAL);  // there is no way back
  std::thread([] { CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1); }).join();

  char name[16] = {};
  CHECK(prctl(PR_GET_NAME, name) == 0);
  printf("name %s\n", name);
  CHECK(prctl(PR_SET_NAME, "renamed-by-itself") == 0 && prctl(PR_GET_NAME, name) == 0);
  CHECK(strcmp(name, "renamed-by-itse") == 0);

  int value = 0;
  CHECK(prctl(PR_SET_PDEATHSIG, SIGUSR1) == 0 && prctl(PR_GET_PDEATHSIG, &value) == 0 && value == SIGUSR1);
  CHECK(prctl(PR_SET_PDEATHSIG, 0) == 0);
  CHECK(prctl(PR_SET_TIMERSLACK, 1234) == 0 && prctl(PR_GET_TIMERSLACK) == 1234);
  int dumpable = prctl(PR_GET_DUMPABLE);
  CHECK(prctl(PR_SET_DUMPABLE, 0) == 0 && prctl(PR_GET_DUMPABLE) == 0 && prctl(PR_SET_DUMPABLE, dumpable) == 0);
  CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 && prctl(PR_GET_CHILD_SUBREAPER, &value) == 0 && value == 1);
  return finish();
}
