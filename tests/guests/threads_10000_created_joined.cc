// Threads: ten thousand made and joined, ten at a time: libc reuses their stacks, the kernel their ids.
#include <pthread.h>

#include "tests/guests/check.h"

static void* body(void* number) {
  return reinterpret_cast<void*>(reinterpret_cast<long>(number) + raw_syscall(SYS_gettid));
}

int main() {
  constexpr int kBatch = 10, kBatches = 1000;
  uint64_t order = 0;
  for (long batch = 0; batch < kBatches; batch++) {
    pthread_t threads[kBatch];
    for (long i = 0; i < kBatch; i++)
      CHECK(pthread_create(&threads[i], nullptr, body, reinterpret_cast<void*>(batch * kBatch)) == 0);
    for (pthread_t thread : threads) {
      void* result = nullptr;
      CHECK(pthread_join(thread, &result) == 0);
      long tid = reinterpret_cast<long>(result) - batch * kBatch;
      CHECK(tid > 0 && tid != getpid());
      order = hash_bytes(&tid, sizeof tid, order);
      order = hash_bytes(&thread, sizeof thread, order);
    }
  }
  printf("ids and stacks %016lx\n", order);
  return finish();
}
