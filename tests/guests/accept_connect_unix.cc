// Kernel writes: a server and its client over a unix socket and over loopback: names, credentials, options.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <thread>

#include "tests/guests/check.h"

template <typename Address>
static void try_server(int family, Address where) {
  auto* name = reinterpret_cast<sockaddr*>(&where);
  int server = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  socklen_t bytes = sizeof where;
  CHECK(server >= 0 && bind(server, name, bytes) == 0 && listen(server, 4) == 0);
  CHECK(getsockname(server, name, &bytes) == 0);
  std::thread client([&] {
    int connection = socket(family, SOCK_STREAM, 0);
    CHECK(connection >= 0 && connect(connection, name, bytes) == 0);
    CHECK(send(connection, "question", 8, MSG_NOSIGNAL) == 8);
    char answer[16] = {};
    CHECK(recv(connection, answer, 6, MSG_WAITALL) == 6 && strcmp(answer, "answer") == 0);
    CHECK(shutdown(connection, SHUT_WR) == 0 && close(connection) == 0);
  });
  Address peer = {};
  socklen_t peer_bytes = sizeof peer;
  int connection = accept4(server, reinterpret_cast<sockaddr*>(&peer), &peer_bytes, SOCK_CLOEXEC);
  CHECK(connection >= 0 && peer_bytes >= sizeof(sa_family_t) && peer_bytes <= sizeof peer);
  char question[16] = {};
  CHECK(recv(connection, question, 8, MSG_WAITALL) == 8 && strcmp(question, "question") == 0);
  int type = 0, buffer = 0;
  socklen_t option_bytes = sizeof type;
  CHECK(getsockopt(connection, SOL_SOCKET, SO_TYPE, &type, &option_bytes) == 0 && type == SOCK_STREAM);
  CHECK(getsockopt(connection, SOL_SOCKET, SO_RCVBUF, &buffer, &option_bytes) == 0 && buffer > 0);
  CHECK(send(connection, "answer", 6, 0) == 6);
  CHECK(recv(connection, question, 1, 0) == 0);  // the other side shut down
  client.join();
  CHECK(close(connection) == 0 && close(server) == 0);
}

int main() {
  Scratch scratch;
  sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = {}};
  snprintf(path.sun_path, sizeof path.sun_path, "%s", scratch.file("socket").c_str());
  try_server(AF_UNIX, path);
  printf("%s\n", path.sun_path);
  sockaddr_in loopback = {};
  loopback.sin_family = AF_INET;
  loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  try_server(AF_INET, loopback);

  int pair[2];
  ucred peer = {};
  socklen_t bytes = sizeof peer;
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  CHECK(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &peer, &bytes) == 0 && peer.pid == getpid());
  return finish();
}
