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

namespace ckpt::model {
namespace {

#define KNOWN(name, number) static_assert(static_cast<uint32_t>(name) == number, #name);
#include "known_options.inc"
#undef KNOWN
#define IPC(call, number, name, ...) static_assert(name == number, #name);
#include "trace/model/ipcs.inc"
#undef IPC

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
