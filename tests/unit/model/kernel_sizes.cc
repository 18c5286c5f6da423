// The byte counts in the rows are those of the kernel's structs. Checked by the compiler,
// with the kernel's headers only: glibc's structs of the same names differ.
#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/capability.h>
#include <linux/eventpoll.h>
#include <linux/futex.h>
#include <linux/mqueue.h>
#include <linux/msg.h>
#include <linux/poll.h>
#include <linux/resource.h>
#include <linux/sem.h>
#include <linux/shm.h>
#include <linux/stat.h>
#include <linux/sysinfo.h>
#include <linux/time_types.h>
#include <linux/times.h>
#include <linux/timex.h>
#include <linux/utsname.h>

#include "trace/model/subcalls.h"
#include "trace/model/syscalls.h"

namespace ckpt::model {
namespace {

// The byte count, or the scale, of the access to an argument.
constexpr uint32_t unit(uint32_t nr, int argument) {
  for (const Access& access : row_of(nr)->access)
    if (access.argument == argument && access.scale != 0) return access.scale;
  return 0;
}
constexpr uint32_t unit(const SubRow* row) {
  return row->access[0].scale;
}

static_assert(unit(__NR_stat, 1) == sizeof(struct stat) && unit(__NR_fstat, 1) == sizeof(struct stat) &&
              unit(__NR_lstat, 1) == sizeof(struct stat) && unit(__NR_newfstatat, 2) == sizeof(struct stat));
static_assert(unit(__NR_statx, 4) == sizeof(struct statx));
static_assert(unit(__NR_statfs, 1) == sizeof(struct statfs) && unit(__NR_fstatfs, 1) == sizeof(struct statfs));
static_assert(unit(__NR_getrusage, 1) == sizeof(struct rusage) && unit(__NR_wait4, 3) == sizeof(struct rusage) &&
              unit(__NR_waitid, 4) == sizeof(struct rusage));
static_assert(unit(__NR_getrlimit, 1) == sizeof(struct rlimit) && unit(__NR_prlimit64, 3) == sizeof(struct rlimit64));
static_assert(unit(__NR_sysinfo, 0) == sizeof(struct sysinfo));
static_assert(unit(__NR_uname, 0) == sizeof(struct new_utsname));
static_assert(unit(__NR_times, 0) == sizeof(struct tms));
static_assert(unit(__NR_adjtimex, 0) == sizeof(struct __kernel_timex) &&
              unit(__NR_clock_adjtime, 1) == sizeof(struct __kernel_timex));
static_assert(unit(__NR_clock_gettime, 1) == sizeof(struct __kernel_timespec));
static_assert(unit(__NR_timer_settime, 3) == sizeof(struct __kernel_itimerspec));
static_assert(unit(__NR_mq_getsetattr, 2) == sizeof(struct mq_attr));
static_assert(unit(__NR_epoll_ctl, 3) == sizeof(struct epoll_event) && unit(__NR_epoll_wait, 1) == sizeof(epoll_event));
static_assert(unit(__NR_poll, 0) == sizeof(struct pollfd));
static_assert(unit(__NR_semop, 1) == sizeof(struct sembuf));
static_assert(unit(__NR_futex_waitv, 0) == sizeof(struct futex_waitv));
static_assert(unit(__NR_capget, 0) == sizeof(struct __user_cap_header_struct) &&
              unit(__NR_capget, 1) == 2 * sizeof(struct __user_cap_data_struct));

static_assert(unit(ipc_row(__NR_shmctl, 2)) == sizeof(struct shmid64_ds) &&
              unit(ipc_row(__NR_shmctl, 3)) == sizeof(struct shminfo64) &&
              unit(ipc_row(__NR_shmctl, 14)) == sizeof(struct shm_info));
static_assert(unit(ipc_row(__NR_semctl, 2)) == sizeof(struct semid64_ds) &&
              unit(ipc_row(__NR_semctl, 3)) == sizeof(struct seminfo));
static_assert(unit(ipc_row(__NR_msgctl, 2)) == sizeof(struct msqid64_ds) &&
              unit(ipc_row(__NR_msgctl, 3)) == sizeof(struct msginfo));

}  // namespace
}  // namespace ckpt::model
