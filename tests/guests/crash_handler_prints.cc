// Crashes: a handler that does everything a crash reporter does: backtrace, allocation, files, a child; then it exits.
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <thread>

#include "tests/guests/check.h"

static void on_segv(int signal_number, siginfo_t* info, void*) {
  CHECK(signal_number == SIGSEGV && info->si_code == SEGV_MAPERR && info->si_addr == reinterpret_cast<void*>(0x1230));
  void* frames[50];
  int count = backtrace(frames, 50);
  CHECK(count >= 3);
  char** names = backtrace_symbols(frames, count);
  for (int i = 0; i < count; i++) printf("%d: %s\n", i, names[i]);
  free(names);
  auto* report = static_cast<char*>(malloc(100'000));
  int maps = open("/proc/self/maps", O_RDONLY);
  CHECK(report && maps >= 0);
  ssize_t bytes = read(maps, report, 100'000);
  CHECK(bytes > 0);
  printf("maps %016lx\n", hash_bytes(report, size_t(bytes)));
  free(report);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) _exit(5);
  int status = 0;
  CHECK(child > 0 && waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 5);
  finish();
  _exit(3);
}

__attribute__((noinline)) static void crash(int depth) {
  if (depth > 0) crash(depth - 1);
  asm volatile("movl $1, 0x1230" ::: "memory");
}

int main() {
  struct sigaction action = {};
  action.sa_sigaction = on_segv;
  action.sa_flags = SA_SIGINFO | SA_RESETHAND;
  CHECK(sigaction(SIGSEGV, &action, nullptr) == 0);
  std::thread waiting([] { sleep(100); });
  crash(5);
  waiting.join();
}
