// The numbers in the sub-tables, and the sizes of their structs, are those of the kernel's
// headers. Checked by the compiler.
#include <asm/errno.h>
#include <asm/ioctls.h>
#include <asm/prctl.h>
#include <asm/termbits.h>
#include <asm/termios.h>
#include <linux/blkzoned.h>
#include <linux/fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/hdreg.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <linux/kd.h>
#include <linux/keyctl.h>
#include <linux/loop.h>
#include <linux/msg.h>
#include <linux/nsfs.h>
#include <linux/prctl.h>
#include <linux/random.h>
#include <linux/route.h>
#include <linux/rtc.h>
#include <linux/sem.h>
#include <linux/serial.h>
#include <linux/shm.h>
#include <linux/sockios.h>
#include <linux/timerfd.h>
#include <linux/userfaultfd.h>
#include <linux/vt.h>

#include "trace/model/subcalls.h"

// What the headers of Linux 6.1 lack, as later ones put it.
#ifndef SIOCUNIXFILE
#define SIOCUNIXFILE (SIOCPROTOPRIVATE + 0)
#endif
#ifndef XFS_IOC_DIOINFO
#define XFS_IOC_DIOINFO _IOR('X', 30, uint32_t[3])
#endif
#ifndef FS_IOC_GETFSUUID
#define FS_IOC_GETFSUUID _IOR(0x15, 0, uint8_t[17])
#define FS_IOC_GETFSSYSFSPATH _IOR(0x15, 1, uint8_t[129])
#endif
#ifndef EPIOCSPARAMS
#define EPIOCSPARAMS _IOW(0x8a, 1, uint8_t[8])
#define EPIOCGPARAMS _IOR(0x8a, 2, uint8_t[8])
#endif
#ifndef PIDFD_GET_CGROUP_NAMESPACE
#define PIDFD_GET_CGROUP_NAMESPACE _IO(0xff, 1)
#define PIDFD_GET_IPC_NAMESPACE _IO(0xff, 2)
#define PIDFD_GET_MNT_NAMESPACE _IO(0xff, 3)
#define PIDFD_GET_NET_NAMESPACE _IO(0xff, 4)
#define PIDFD_GET_PID_NAMESPACE _IO(0xff, 5)
#define PIDFD_GET_PID_FOR_CHILDREN_NAMESPACE _IO(0xff, 6)
#define PIDFD_GET_TIME_NAMESPACE _IO(0xff, 7)
#define PIDFD_GET_TIME_FOR_CHILDREN_NAMESPACE _IO(0xff, 8)
#define PIDFD_GET_USER_NAMESPACE _IO(0xff, 9)
#define PIDFD_GET_UTS_NAMESPACE _IO(0xff, 10)
#endif
#ifndef PAGEMAP_SCAN
#define PAGEMAP_SCAN _IOWR('f', 16, uint8_t[96])
#endif
#ifndef F_DUPFD_QUERY
#define F_DUPFD_QUERY (F_LINUX_SPECIFIC_BASE + 3)
#endif
#ifndef F_CREATED_QUERY
#define F_CREATED_QUERY (F_LINUX_SPECIFIC_BASE + 4)
#endif

namespace ckpt::model {
namespace {

#define IOCTL(number, name, ...) static_assert(static_cast<uint32_t>(name) == number, #name);
#include "trace/model/ioctls.inc"
#undef IOCTL
#define FCNTL(number, name, ...) static_assert(name == number, #name);
#include "trace/model/fcntls.inc"
#undef FCNTL
#define KEYCTL(number, name, ...) static_assert(name == number, #name);
#include "trace/model/keyctls.inc"
#undef KEYCTL
#define IPC(call, number, name, ...) static_assert(name == number, #name);
#include "trace/model/ipcs.inc"
#undef IPC
#define FUTEX(number, name, ...) static_assert(name == number, #name);
#include "trace/model/futexes.inc"
#undef FUTEX

// Options are checked where the headers have them, by name: one they lack is no macro, so its
// text is the name itself.
#define TEXT_(name) #name
#define TEXT(name) TEXT_(name)
constexpr uint64_t value_of(const char* name, const char* text, uint64_t otherwise) {
  const char* at = text;
  for (; *name == *at && *at != 0; ++name) ++at;
  if (*name == *at) return otherwise;
  bool hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
  uint64_t made = 0;
  for (at = hexadecimal ? text + 2 : text; *at != 0; ++at) {
    bool letter = *at > '9';
    made = made * (hexadecimal ? 16 : 10) + static_cast<uint64_t>(letter ? (*at | 0x20) - 'a' + 10 : *at - '0');
  }
  return made;
}
#define PRCTL(number, name, ...) static_assert(value_of(#name, TEXT(name), number) == number, #name);
#include "trace/model/prctls.inc"
#undef PRCTL
#define ARCH_PRCTL(number, name, ...) static_assert(value_of(#name, TEXT(name), number) == number, #name);
#include "trace/model/arch_prctls.inc"
#undef ARCH_PRCTL

constexpr uint32_t unit(const SubRow* row) {
  return row->access[0].scale;
}

static_assert(unit(ioctl_row(TCGETS)) == sizeof(struct termios) && unit(ioctl_row(TCGETS2)) == sizeof(struct termios2));
static_assert(unit(ioctl_row(TCGETA)) == sizeof(struct termio));
static_assert(unit(ioctl_row(TIOCGWINSZ)) == sizeof(struct winsize));
static_assert(unit(ioctl_row(TIOCGSERIAL)) == sizeof(struct serial_struct));
static_assert(unit(ioctl_row(TIOCGRS485)) == sizeof(struct serial_rs485));
static_assert(unit(ioctl_row(TIOCGICOUNT)) == sizeof(struct serial_icounter_struct));
static_assert(unit(ioctl_row(VT_GETMODE)) == sizeof(struct vt_mode));
static_assert(unit(ioctl_row(VT_GETSTATE)) == sizeof(struct vt_stat));
static_assert(unit(ioctl_row(SIOCADDRT)) == sizeof(struct rtentry));
static_assert(unit(ioctl_row(SIOCGIFCONF)) == sizeof(struct ifconf));
static_assert(unit(ioctl_row(SIOCGIFADDR)) == sizeof(struct ifreq) && unit(ioctl_row(TUNSETIFF)) == sizeof(ifreq));
static_assert(unit(ioctl_row(SIOCGARP)) == sizeof(struct arpreq));
static_assert(unit(ioctl_row(HDIO_GETGEO)) == sizeof(struct hd_geometry));
static_assert(unit(ioctl_row(LOOP_GET_STATUS)) == sizeof(struct loop_info));
static_assert(unit(ioctl_row(LOOP_GET_STATUS64)) == sizeof(struct loop_info64));
static_assert(unit(ioctl_row(LOOP_CONFIGURE)) == sizeof(struct loop_config));
static_assert(unit(ioctl_row(RTC_RD_TIME)) == sizeof(struct rtc_time));
static_assert(unit(ioctl_row(FICLONERANGE)) == sizeof(struct file_clone_range));
static_assert(unit(ioctl_row(FITRIM)) == sizeof(struct fstrim_range));
static_assert(unit(ioctl_row(FS_IOC_FSGETXATTR)) == sizeof(struct fsxattr));
static_assert(unit(fcntl_row(F_GETLK)) == sizeof(struct flock) && unit(fcntl_row(F_OFD_GETLK)) == sizeof(struct flock));
static_assert(unit(fcntl_row(F_GETOWN_EX)) == sizeof(struct f_owner_ex));

}  // namespace
}  // namespace ckpt::model
