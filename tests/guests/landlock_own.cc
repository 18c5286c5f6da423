// Entry: the program restricts itself with Landlock. A kernel without it, or a recorder, may refuse.
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>

#include "tests/guests/check.h"

int main() {
  Scratch scratch;
  std::string allowed = scratch.file("before");
  int before = open(allowed.c_str(), O_CREAT | O_RDWR, 0600);
  CHECK(before >= 0 && write(before, "kept", 4) == 4);
  long version = raw_syscall(SYS_landlock_create_ruleset, 0, 0, LANDLOCK_CREATE_RULESET_VERSION);
  printf("landlock version %ld\n", version);
  if (version < 1) {
    CHECK(version == -ENOSYS || version == -EOPNOTSUPP || version == -EPERM);
    return finish();
  }
  landlock_ruleset_attr rules = {};
  rules.handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_DIR;  // deny making folders, everywhere
  long ruleset = raw_syscall(SYS_landlock_create_ruleset, address(&rules), sizeof rules.handled_access_fs, 0);
  CHECK(ruleset >= 0);
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  long result = raw_syscall(SYS_landlock_restrict_self, ruleset, 0);
  printf("restrict_self: %ld\n", result);
  if (result == 0) CHECK(raw_syscall(SYS_mkdir, address(scratch.file("denied").c_str()), 0700) == -EACCES);
  char buffer[5] = {};
  CHECK(pread(before, buffer, 4, 0) == 4 && strcmp(buffer, "kept") == 0);
  CHECK(close(before) == 0 && close(int(ruleset)) == 0);
  return finish();
}
