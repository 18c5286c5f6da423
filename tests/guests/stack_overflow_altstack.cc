// Threads: a stack overflows onto its guard page, in the first thread and in another; the handler on the alternate
// stack leaves by siglongjmp.
#include <setjmp.h>
#include <signal.h>
#include <sys/resource.h>

#include <thread>

#include "tests/guests/check.h"

static thread_local sigjmp_buf back;
static void on_segv(int, siginfo_t* info, void*) {
  printf("overflow at %p\n", info->si_addr);
  siglongjmp(back, 1);
}

__attribute__((noinline)) static uint64_t recurse(uint64_t depth) {
  if (depth == UINT64_MAX) return 0;
  volatile char frame[4000];
  frame[depth % sizeof frame] = char(depth);
  return recurse(depth + 1) + uint64_t(frame[0]);
}

static void overflow() {
  stack_t stack = {.ss_sp = malloc(64 * 1024), .ss_flags = 0, .ss_size = 64 * 1024};
  CHECK(sigaltstack(&stack, nullptr) == 0);
  for (volatile int overflows = 0; overflows < 3;) {
    if (sigsetjmp(back, 1) == 0) {
      printf("%lu\n", recurse(1));
      CHECK(!"no overflow");
    }
    overflows = overflows + 1;
  }
  stack_t none = {.ss_sp = nullptr, .ss_flags = SS_DISABLE, .ss_size = 0};
  CHECK(sigaltstack(&none, &stack) == 0);
  free(stack.ss_sp);
}

int main() {
  rlimit limit = {.rlim_cur = 1 << 20, .rlim_max = RLIM_INFINITY};
  rlimit before;
  CHECK(getrlimit(RLIMIT_STACK, &before) == 0);
  limit.rlim_max = before.rlim_max;
  CHECK(setrlimit(RLIMIT_STACK, &limit) == 0);
  struct sigaction action = {};
  action.sa_sigaction = on_segv;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  CHECK(sigaction(SIGSEGV, &action, nullptr) == 0);
  overflow();
  std::thread(overflow).join();
  return finish();
}
