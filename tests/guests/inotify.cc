// Kernel writes: inotify events for what happens to a folder, with names of varying length.
#include <fcntl.h>
#include <sys/inotify.h>

#include <thread>

#include "tests/guests/check.h"

static std::string described;
static void read_events(int fd) {
  alignas(inotify_event) char buffer[4096];
  ssize_t got = read(fd, buffer, sizeof buffer);
  CHECK(got > 0);
  for (ssize_t at = 0; at < got;) {
    auto* event = reinterpret_cast<inotify_event*>(buffer + at);
    char text[300];
    snprintf(text, sizeof text, "%s %x\n", event->len ? event->name : "-", event->mask);
    described += text;
    at += ssize_t(sizeof *event) + event->len;
  }
}

int main() {
  Scratch scratch;
  int fd = inotify_init1(IN_CLOEXEC);
  CHECK(fd >= 0);
  int watch = inotify_add_watch(fd, scratch.path().c_str(), IN_CREATE | IN_DELETE | IN_MOVE | IN_CLOSE_WRITE);
  CHECK(watch >= 1);
  std::thread reader([&] { read_events(fd); });  // blocks: nothing has happened yet
  sleep_ms(2);
  std::string first = scratch.file("a"), second = scratch.file("a-longer-name-than-that");
  int file = open(first.c_str(), O_CREAT | O_WRONLY, 0600);
  CHECK(file >= 0 && close(file) == 0);
  reader.join();
  CHECK(rename(first.c_str(), second.c_str()) == 0 && unlink(second.c_str()) == 0);
  while (described.find("a-longer-name-than-that 200") == std::string::npos) read_events(fd);
  for (const char* expected : {"a 100\n", "a 8\n", "a 40\n", "a-longer-name-than-that 80\n"})
    CHECK(described.find(expected) != std::string::npos);
  CHECK(inotify_rm_watch(fd, watch) == 0);
  described.clear();
  read_events(fd);
  CHECK(described == "- 8000\n");  // IN_IGNORED
  printf("%s\n", scratch.path().c_str());
  return finish();
}
