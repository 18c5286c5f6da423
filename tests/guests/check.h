// What every guest shares: a check that says where and why, a folder of its own, and its last words.
//
// A guest ends with `return finish();`. One that dies on purpose calls finish() and then dies.
#pragma once

#include <errno.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <string>

// Ends the program at once if `condition` is false, in a forked child and in a signal handler too.
#define CHECK(condition) ((condition) ? (void)0 : check_failed(__FILE_NAME__, __LINE__, #condition))

[[noreturn]] inline void check_failed(const char* file, int line, const char* condition) {
  int saved = errno;
  printf("%s:%d: not so: %s; errno %d (%s)\n", file, line, condition, saved, strerror(saved));
  fflush(stdout);
  _exit(1);
}

// A syscall instruction of the program's own. Returns what the kernel does: -errno for an error.
inline long raw_syscall(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  long result;
  asm volatile("syscall"
               : "=a"(result)
               : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

inline long address(const volatile void* pointer) {
  return reinterpret_cast<long>(pointer);
}

inline uint64_t now_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return uint64_t(now.tv_sec) * 1'000'000'000 + uint64_t(now.tv_nsec);
}

inline void sleep_ms(unsigned ms) {
  usleep(ms * 1000);
}

inline uint64_t hash_bytes(const void* from, size_t count, uint64_t hash = 0xcbf29ce484222325) {
  for (size_t i = 0; i < count; i++) hash = (hash ^ static_cast<const unsigned char*>(from)[i]) * 0x100000001b3;
  return hash;
}

// A fresh folder with a random name, removed with all it holds at the end of the scope.
class Scratch final {
 public:
  Scratch() {
    const char* base = getenv("TMPDIR");
    path_ = std::string(base ? base : "/tmp") + "/guest.XXXXXX";
    CHECK(mkdtemp(path_.data()));
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    auto drop = [](const char* path, const struct stat*, int, struct FTW*) { return remove(path); };
    nftw(path_.c_str(), drop, 16, FTW_DEPTH | FTW_PHYS);
  }
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Prints facts that differ from run to run, so that a replay which merely ran the program again would not agree with
// the recording, then `ok`. Everything is flushed. Returns the exit status of a guest that passed.
inline int finish() {
  uint64_t random = 0;
  CHECK(getrandom(&random, sizeof random, 0) == ssize_t(sizeof random));
  void* heap = malloc(100);
  printf("facts: pid %d, tid %d, heap %p, stack %p, random %016lx, time %lu ns\n", getpid(), gettid(), heap,
         static_cast<void*>(&random), random, now_ns());
  free(heap);
  puts("ok");
  fflush(stdout);
  return 0;
}
