// Kernel writes: priority-inheriting mutexes, whose words the kernel writes when it hands them over.
#include <pthread.h>

#include "tests/guests/check.h"

static pthread_mutex_t mutex;
static int counter = 0, order[800];

static void* body(void* id) {
  for (int i = 0; i < 200; i++) {
    CHECK(pthread_mutex_lock(&mutex) == 0);
    CHECK(mutex.__data.__owner == gettid());
    order[counter++] = int(reinterpret_cast<long>(id));
    if (i % 20 == 0) sched_yield();
    CHECK(pthread_mutex_unlock(&mutex) == 0);
  }
  return nullptr;
}

int main() {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  CHECK(pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT) == 0);
  int result = pthread_mutex_init(&mutex, &attributes);
  if (result) {
    CHECK(result == ENOTSUP);  // a recorder may refuse the futex calls behind it
    puts("priority inheritance refused");
    return finish();
  }
  pthread_t threads[4];
  for (long id = 0; id < 4; id++) CHECK(pthread_create(&threads[id], nullptr, body, reinterpret_cast<void*>(id)) == 0);
  for (pthread_t thread : threads) CHECK(pthread_join(thread, nullptr) == 0);
  CHECK(counter == 800);
  CHECK(pthread_mutex_lock(&mutex) == 0);
  timespec soon;
  clock_gettime(CLOCK_REALTIME, &soon);
  int again = pthread_mutex_timedlock(&mutex, &soon);
  CHECK(again == EDEADLK || again == ETIMEDOUT);
  CHECK(pthread_mutex_unlock(&mutex) == 0);
  printf("order %016lx\n", hash_bytes(order, sizeof order));
  return finish();
}
