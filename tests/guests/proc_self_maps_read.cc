// Kernel writes: what /proc/self says of the program agrees with what it knows: addresses, path, arguments, threads.
#include <fcntl.h>

#include "tests/guests/check.h"

static std::string read_all(const char* path) {
  int fd = open(path, O_RDONLY);
  CHECK(fd >= 0);
  std::string all;
  char part[1000];
  ssize_t got;
  while ((got = read(fd, part, sizeof part)) > 0) all.append(part, size_t(got));
  CHECK(got == 0 && close(fd) == 0);
  return all;
}

// Returns the line of the mapping that holds `wanted`.
static std::string mapping_of(const void* wanted, const std::string& maps) {
  for (size_t at = 0; at < maps.size(); at = maps.find('\n', at) + 1) {
    unsigned long from, to;
    CHECK(sscanf(maps.c_str() + at, "%lx-%lx", &from, &to) == 2 && from < to);
    if (uint64_t(address(wanted)) >= from && uint64_t(address(wanted)) < to)
      return maps.substr(at, maps.find('\n', at) - at);
  }
  return "";
}

int main(int, char** argv) {
  static int variable = 1;
  int local = variable;
  std::string maps = read_all("/proc/self/maps");
  std::string code = mapping_of(reinterpret_cast<void*>(main), maps), data = mapping_of(&variable, maps);
  printf("%s\n%s\n%s\n", code.c_str(), data.c_str(), mapping_of(&local, maps).c_str());
  CHECK(code.find("r-xp") != std::string::npos && data.find("rw-p") != std::string::npos);
  CHECK(mapping_of(&local, maps).find("[stack]") != std::string::npos);
  char self[4096] = {};
  CHECK(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
  CHECK(code.size() > strlen(self) && code.substr(code.size() - strlen(self)) == self);
  CHECK(strcmp(read_all("/proc/self/cmdline").c_str(), argv[0]) == 0);
  std::string host = read_all("/proc/stat"), stat = read_all("/proc/self/stat"), status = read_all("/proc/self/status");
  CHECK(atoi(stat.c_str()) == getpid());
  CHECK(status.find("\nThreads:\t1\n") != std::string::npos);
  printf("maps %016lx, stat %s", hash_bytes(maps.data(), maps.size()), stat.c_str());
  printf("host stat %016lx\n", hash_bytes(host.data(), host.size()));
  return finish();
}
