// Entry: handlers run on the program's alternate stack, or on the normal one, as it asked; also while nested.
#include <signal.h>

#include "tests/guests/check.h"

static char* alternate;
constexpr size_t kStackBytes = 64 * 1024;
static volatile int depth = 0, on_alternate = 0, on_normal = 0;

static bool inside(const void* local) {
  return local >= alternate && local < alternate + kStackBytes;
}

static void on_alternate_stack(int signal_number) {
  int local = 0;
  CHECK(inside(&local));
  stack_t now;
  CHECK(sigaltstack(nullptr, &now) == 0 && now.ss_flags == SS_ONSTACK && now.ss_sp == alternate);
  CHECK(sigaltstack(&now, nullptr) == -1);  // not while in use
  on_alternate = on_alternate + 1;
  depth = depth + 1;
  if (depth < 4) raise(signal_number);  // nested: goes on below, on the same stack
  depth = depth - 1;
}

static void on_normal_stack(int) {
  int local = 0;
  CHECK(!inside(&local));
  on_normal = on_normal + 1;
}

int main() {
  alternate = static_cast<char*>(malloc(kStackBytes));
  stack_t stack = {.ss_sp = alternate, .ss_flags = 0, .ss_size = kStackBytes}, old = {};
  CHECK(sigaltstack(&stack, &old) == 0);
  CHECK(old.ss_flags == SS_DISABLE && old.ss_sp == nullptr);
  struct sigaction action = {};
  action.sa_handler = on_alternate_stack;
  action.sa_flags = SA_ONSTACK | SA_NODEFER;
  CHECK(sigaction(SIGUSR1, &action, nullptr) == 0);
  action.sa_handler = on_normal_stack;
  action.sa_flags = 0;
  CHECK(sigaction(SIGUSR2, &action, nullptr) == 0);
  for (int i = 1; i <= 20; i++) {
    CHECK(raise(SIGUSR1) == 0 && on_alternate == 4 * i);
    CHECK(raise(SIGUSR2) == 0 && on_normal == i);
  }
  stack.ss_flags = SS_DISABLE;
  CHECK(sigaltstack(&stack, &old) == 0 && old.ss_sp == alternate && old.ss_size == kStackBytes && old.ss_flags == 0);
  printf("alternate stack %p\n", static_cast<void*>(alternate));
  free(alternate);
  return finish();
}
