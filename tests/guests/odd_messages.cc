// Threads: messages that are no plain reads and writes, beside another thread: empty datagrams, MSG_ERRQUEUE, MSG_WAITALL.
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "tests/guests/check.h"

static int stream[2];

static void* write_in_parts(void*) {
  CHECK(write(stream[1], "hello", 5) == 5);
  sleep_ms(5);
  CHECK(write(stream[1], "world", 5) == 5);
  return nullptr;
}

int main() {
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, stream) == 0);
  pthread_t thread;
  CHECK(pthread_create(&thread, nullptr, write_in_parts, nullptr) == 0);
  char text[16] = {};
  iovec vector = {text, 10};
  msghdr message = {};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  CHECK(recvmsg(stream[0], &message, MSG_WAITALL) == 10 && !strcmp(text, "helloworld"));

  int packets[2];
  CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, packets) == 0);
  CHECK(write(packets[1], text, 0) == 0);
  CHECK(send(packets[1], "next", 4, 0) == 4);
  CHECK(read(packets[0], text, sizeof text) == 0);
  CHECK(read(packets[0], text, sizeof text) == 4);
  int events = eventfd(0, 0);
  CHECK(read(events, text, 0) == -1 && errno == EINVAL);

  int udp = socket(AF_INET, SOCK_DGRAM, 0);
  CHECK(udp >= 0);
  CHECK(recvmsg(udp, &message, MSG_ERRQUEUE) == -1 && errno == EAGAIN);
  CHECK(pthread_join(thread, nullptr) == 0);
  return finish();
}
