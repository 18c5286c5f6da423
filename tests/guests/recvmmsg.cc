// Kernel writes: many datagrams in one call, with their lengths and senders, and a timeout.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/guests/check.h"

constexpr unsigned kMessages = 8;

int main() {
  int to = socket(AF_INET, SOCK_DGRAM, 0), from = socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in here = {}, sender = {};
  here.sin_family = AF_INET;
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sender = here;
  socklen_t bytes = sizeof here;
  CHECK(to >= 0 && from >= 0);
  CHECK(bind(to, reinterpret_cast<sockaddr*>(&here), bytes) == 0);
  CHECK(bind(from, reinterpret_cast<sockaddr*>(&sender), bytes) == 0);
  CHECK(getsockname(to, reinterpret_cast<sockaddr*>(&here), &bytes) == 0 && here.sin_port != 0);
  CHECK(getsockname(from, reinterpret_cast<sockaddr*>(&sender), &bytes) == 0);
  CHECK(connect(from, reinterpret_cast<sockaddr*>(&here), bytes) == 0);

  char out[kMessages][32], in[kMessages][32] = {};
  iovec vectors[kMessages];
  mmsghdr messages[kMessages] = {};
  for (unsigned i = 0; i < kMessages; i++) {
    vectors[i] = {out[i], size_t(snprintf(out[i], sizeof out[i], "datagram %0*d", int(i + 1), 7))};
    messages[i].msg_hdr.msg_iov = &vectors[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  CHECK(sendmmsg(from, messages, kMessages, 0) == int(kMessages));
  sockaddr_in names[kMessages] = {};
  for (unsigned i = 0; i < kMessages; i++) {
    vectors[i] = {in[i], sizeof in[i]};
    messages[i].msg_hdr.msg_name = &names[i];
    messages[i].msg_hdr.msg_namelen = sizeof names[i];
    messages[i].msg_len = 0;
  }
  timespec timeout = {.tv_sec = 1, .tv_nsec = 0};
  CHECK(recvmmsg(to, messages, kMessages, MSG_WAITFORONE, &timeout) == int(kMessages));
  for (unsigned i = 0; i < kMessages; i++) {
    CHECK(strcmp(in[i], out[i]) == 0 && messages[i].msg_len == 10 + i);
    CHECK(names[i].sin_port == sender.sin_port && messages[i].msg_hdr.msg_namelen == sizeof(sockaddr_in));
  }
  printf("port %d to %d, %ld ns left\n", ntohs(sender.sin_port), ntohs(here.sin_port), timeout.tv_nsec);
  CHECK(recvmmsg(to, messages, kMessages, MSG_DONTWAIT, nullptr) == -1 && errno == EAGAIN);
  return finish();
}
