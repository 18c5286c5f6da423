// Entry: coroutines switch stacks under us with swapcontext, in the middle of call chains, and make calls on each.
#include <ucontext.h>

#include "tests/guests/check.h"

constexpr int kCoroutines = 4, kRounds = 50;
constexpr size_t kStackBytes = 64 * 1024;
static ucontext_t scheduler, contexts[kCoroutines];
static int rounds_done[kCoroutines];
static uint64_t order = 0;

static void coroutine(int id) {
  for (int i = 0; i < kRounds; i++) {
    char local[64];
    snprintf(local, sizeof local, "coroutine %d round %d", id, i);
    uint64_t before = hash_bytes(local, sizeof local);
    CHECK(raw_syscall(SYS_getpid) == getpid());
    rounds_done[id]++;
    order = hash_bytes(&id, sizeof id, order);
    CHECK(swapcontext(&contexts[id], id % 2 ? &contexts[id - 1] : &scheduler) == 0);
    CHECK(hash_bytes(local, sizeof local) == before);
  }
}

int main() {
  void* stacks[kCoroutines];
  for (int id = 0; id < kCoroutines; id++) {
    CHECK(getcontext(&contexts[id]) == 0);
    stacks[id] = malloc(kStackBytes);
    contexts[id].uc_stack.ss_sp = stacks[id];
    contexts[id].uc_stack.ss_size = kStackBytes;
    contexts[id].uc_link = &scheduler;
    makecontext(&contexts[id], reinterpret_cast<void (*)()>(coroutine), 1, id);
  }
  // Odd ones pass control to their even neighbour, which goes back to the scheduler.
  for (int i = 0; i < kRounds; i++)
    for (int id = 1; id < kCoroutines; id += 2) CHECK(swapcontext(&scheduler, &contexts[id]) == 0);
  for (int id = 0; id < kCoroutines; id++) CHECK(rounds_done[id] == kRounds);
  printf("order %016lx, stacks", order);
  for (void* stack : stacks) {
    printf(" %p", stack);
    free(stack);
  }
  puts("");
  return finish();
}
