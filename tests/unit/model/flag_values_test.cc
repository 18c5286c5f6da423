// The values behind the names in flags.inc are those of the system's headers.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/memfd.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// glibc's is 0 on x86-64, where every file is large; the kernel's is not.
#undef O_LARGEFILE

TEST_CASE("flags: each name has the value of the headers") {
  int known = 0;
#define KNOWN(name, value)                                                           \
  CHECK_MESSAGE(static_cast<uint32_t>(name) == static_cast<uint32_t>(value), #name); \
  ++known;
#include "known_flags.inc"
#undef KNOWN
  CHECK(known > 200);
}
