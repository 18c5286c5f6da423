// Entry: one syscall instruction is met by many threads at once, while one is blocked in it and while a signal frame
// holds its address: patching it then would pull the code from under them.
#include <signal.h>

#include <atomic>
#include <thread>

#include "tests/guests/check.h"

// The only instruction this guest makes its calls with, in each of two copies.
extern "C" long first_site(long number, long a, void* b, long c);
extern "C" long second_site(long number, long a, void* b, long c);
asm(R"(
  .macro SITE name
  .globl \name
  .type \name, @function
\name:
  mov %rdi, %rax
  mov %rsi, %rdi
  mov %rdx, %rsi
  mov %rcx, %rdx
  syscall
  cmp $-4096, %rax
  ja 1f
  ret
1: neg %rax
  neg %rax
  ret
  .endm
  .text
  SITE first_site
  SITE second_site
)");

static std::atomic<int> handled = 0;
static void on_signal(int) {
  for (int i = 0; i < 100; i++) CHECK(second_site(SYS_getpid, 0, nullptr, 0) == getpid());
  handled++;
}

int main() {
  int ends[2];
  char byte = 0;
  CHECK(pipe(ends) == 0);
  std::atomic<int> started = 0;
  std::thread blocked([&] {
    started++;
    CHECK(first_site(SYS_read, ends[0], &byte, 1) == 1);
  });
  while (started < 1) sched_yield();
  sleep_ms(2);
  std::thread threads[4];
  for (std::thread& thread : threads)
    thread = std::thread([&] {
      started++;
      while (started < 5) sched_yield();
      for (int i = 0; i < 500; i++) CHECK(first_site(SYS_gettid, 0, nullptr, 0) == gettid());
      CHECK(first_site(SYS_close, -1, nullptr, 0) == -EBADF);
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(write(ends[1], "x", 1) == 1);
  blocked.join();
  CHECK(byte == 'x');

  struct sigaction action = {};
  action.sa_handler = on_signal;
  CHECK(sigaction(SIGUSR1, &action, nullptr) == 0);
  std::atomic<bool> done = false;
  std::thread interrupted([&] {
    for (int i = 0; i < 5; i++) CHECK(second_site(SYS_read, ends[0], &byte, 1) == -EINTR);
    done = true;
  });
  while (!done) {
    pthread_kill(interrupted.native_handle(), SIGUSR1);
    sleep_ms(1);
  }
  interrupted.join();
  CHECK(handled >= 5);
  printf("handled %d\n", handled.load());
  return finish();
}
