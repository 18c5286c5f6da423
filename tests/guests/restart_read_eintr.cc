// Time: blocked calls whose handler lacks SA_RESTART return EINTR, having changed nothing.
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <atomic>
#include <thread>

#include "tests/guests/check.h"

static std::atomic<int> handled = 0;
static void on_signal(int) {
  handled++;
}

int main() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  CHECK(sigaction(SIGUSR1, &action, nullptr) == 0);
  int ends[2], sockets[2], word = 0;
  CHECK(pipe(ends) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
  std::atomic<bool> done = false;
  pthread_t blocked = pthread_self();
  // Keeps sending, as a signal that comes just before the call does not interrupt it.
  std::thread sender([&] {
    while (!done) {
      sleep_ms(1);
      CHECK(pthread_kill(blocked, SIGUSR1) == 0);
    }
  });
  char buffer[16];
  memset(buffer, 'x', sizeof buffer);
  int rounds = 10;
  for (int i = 0; i < rounds; i++) {
    CHECK(read(ends[0], buffer, sizeof buffer) == -1 && errno == EINTR);
    CHECK(recv(sockets[0], buffer, sizeof buffer, 0) == -1 && errno == EINTR);
    CHECK(raw_syscall(SYS_futex, address(&word), FUTEX_WAIT, 0, 0) == -EINTR);
    CHECK(raw_syscall(SYS_pause) == -EINTR);
    for (char byte : buffer) CHECK(byte == 'x');
  }
  // A write that cannot finish is cut short by the signal, and says how far it got.
  static char much[1 << 20];
  ssize_t written = write(ends[1], much, sizeof much);
  CHECK(written > 0 && written < ssize_t(sizeof much));
  done = true;
  sender.join();
  CHECK(handled >= rounds * 4);
  printf("handled %d, written %zd\n", handled.load(), written);
  return finish();
}
