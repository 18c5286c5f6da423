// Kernel writes: ioctls of pipes, sockets and a pseudo terminal, whose argument each has its own size.
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>

#include "tests/guests/check.h"

static int unread(int fd) {
  int bytes = -1;
  CHECK(ioctl(fd, FIONREAD, &bytes) == 0);
  return bytes;
}

int main() {
  int ends[2], sockets[2], on = 1;
  CHECK(pipe(ends) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
  CHECK(unread(ends[0]) == 0 && write(ends[1], "12345", 5) == 5 && unread(ends[0]) == 5);
  CHECK(write(sockets[0], "123", 3) == 3 && unread(sockets[1]) == 3);
  CHECK(ioctl(sockets[1], FIONBIO, &on) == 0);
  char buffer[64];
  CHECK(read(sockets[1], buffer, 64) == 3 && read(sockets[1], buffer, 64) == -1 && errno == EAGAIN);
  CHECK(ioctl(ends[0], FIOCLEX) == 0 && ioctl(ends[0], TCGETS, buffer) == -1 && errno == ENOTTY);
  CHECK(ioctl(ends[0], 0x5eadbeef, buffer) == -1 && errno == ENOTTY);

  int master, slave;
  char name[64];
  winsize window = {.ws_row = 30, .ws_col = 100, .ws_xpixel = 0, .ws_ypixel = 0}, got = {};
  if (openpty(&master, &slave, name, nullptr, &window) != 0) {
    printf("no pseudo terminals: %d\n", errno);
    return finish();
  }
  CHECK(isatty(slave) && ioctl(slave, TIOCGWINSZ, &got) == 0 && got.ws_row == 30 && got.ws_col == 100);
  termios settings;
  CHECK(tcgetattr(slave, &settings) == 0 && (settings.c_lflag & ICANON));
  CHECK(write(master, "line\n", 5) == 5 && read(slave, buffer, 64) == 5 && memcmp(buffer, "line\n", 5) == 0);
  CHECK(read(master, buffer, 64) == 6 && memcmp(buffer, "line\r\n", 6) == 0);  // its echo
  cfmakeraw(&settings);
  CHECK(tcsetattr(slave, TCSANOW, &settings) == 0);
  CHECK(write(master, "x", 1) == 1 && read(slave, buffer, 64) == 1 && unread(master) == 0);
  printf("%s\n", name);
  return finish();
}
