// Kernel writes: vectors of buffers, and messages with a name, control data, a descriptor and flags.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "tests/guests/check.h"

static void try_vectors() {
  Scratch scratch;
  int fd = open(scratch.file("vectors").c_str(), O_CREAT | O_RDWR, 0600);
  char a[3], b[5], c[100], one[] = "abc", two[] = "defgh", three[] = "ij";
  iovec out[] = {{one, 3}, {two, 5}, {nullptr, 0}, {three, 2}}, in[] = {{a, 3}, {nullptr, 0}, {b, 5}, {c, sizeof c}};
  CHECK(fd >= 0 && writev(fd, out, 4) == 10 && pwritev(fd, out, 2, 10) == 8);
  memset(c, 'x', sizeof c);
  CHECK(lseek(fd, 0, SEEK_SET) == 0 && readv(fd, in, 4) == 18);
  CHECK(memcmp(a, "abc", 3) == 0 && memcmp(b, "defgh", 5) == 0 && memcmp(c, "ijabcdefghx", 11) == 0);
  CHECK(preadv2(fd, in, 3, 10, 0) == 8 && memcmp(a, "abc", 3) == 0);
  CHECK(preadv(fd, in, 4, 17) == 1 && a[0] == 'h' && a[1] == 'b');
  CHECK(close(fd) == 0);
}

int main() {
  try_vectors();
  int sockets[2], ends[2], on = 1;
  CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets) == 0 && pipe(ends) == 0);
  CHECK(setsockopt(sockets[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0);
  char text[] = "message", head[4] = {}, tail[10] = {};
  alignas(cmsghdr) char control[256] = {};
  iovec out = {text, sizeof text}, in[] = {{head, 4}, {tail, 3}};
  msghdr message = {};
  message.msg_iov = &out, message.msg_iovlen = 1;
  message.msg_control = control, message.msg_controllen = CMSG_SPACE(sizeof(int));
  cmsghdr* part = CMSG_FIRSTHDR(&message);
  *part = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  memcpy(CMSG_DATA(part), &ends[1], sizeof(int));
  CHECK(sendmsg(sockets[1], &message, 0) == sizeof text);

  memset(control, 0xee, sizeof control);
  message = {};
  message.msg_iov = in, message.msg_iovlen = 2, message.msg_control = control, message.msg_controllen = sizeof control;
  CHECK(recvmsg(sockets[0], &message, MSG_CMSG_CLOEXEC) == 7);
  CHECK(memcmp(head, "mess", 4) == 0 && strcmp(tail, "age") == 0 && (message.msg_flags & MSG_TRUNC));
  int passed = -1;
  ucred sender = {};
  for (part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_type == SCM_RIGHTS) memcpy(&passed, CMSG_DATA(part), sizeof passed);
    if (part->cmsg_type == SCM_CREDENTIALS) memcpy(&sender, CMSG_DATA(part), sizeof sender);
  }
  CHECK(sender.pid == getpid() && sender.uid == getuid() && passed >= 0 && passed != ends[1]);
  CHECK(fcntl(passed, F_GETFD) == FD_CLOEXEC);
  char byte = 0;
  CHECK(write(passed, "y", 1) == 1 && read(ends[0], &byte, 1) == 1 && byte == 'y');
  printf("passed descriptor %d as %d\n", ends[1], passed);
  return finish();
}
