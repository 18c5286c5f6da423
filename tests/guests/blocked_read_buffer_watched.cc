// Kernel writes: one thread blocks in a read while another looks at the buffer: it is untouched until there is data.
#include <sys/socket.h>

#include <atomic>
#include <thread>

#include "tests/guests/check.h"

static void try_read(int from, int to, bool by_recv) {
  static char buffer[4096];
  for (int round = 0; round < 3; round++) {
    memset(buffer, 'x', sizeof buffer);
    std::atomic<bool> started = false;
    std::thread reader([&] {
      started = true;
      ssize_t got = by_recv ? recv(from, buffer, sizeof buffer, 0) : read(from, buffer, sizeof buffer);
      CHECK(got == 10 && memcmp(buffer, "0123456789", 10) == 0);
      for (size_t i = 10; i < sizeof buffer; i++) CHECK(buffer[i] == 'x');
    });
    while (!started) std::this_thread::yield();
    uint64_t looks = 0, end = now_ns() + 1'000'000;
    for (; now_ns() < end; looks++)
      for (size_t i = 0; i < sizeof buffer; i += 64) CHECK(static_cast<volatile char*>(buffer)[i] == 'x');
    CHECK(write(to, "0123456789", 10) == 10);
    reader.join();
    printf("looked %lu times\n", looks);
  }
}

int main() {
  int ends[2], sockets[2];
  CHECK(pipe(ends) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
  try_read(ends[0], ends[1], false);
  try_read(sockets[0], sockets[1], false);
  try_read(sockets[0], sockets[1], true);
  return finish();
}
