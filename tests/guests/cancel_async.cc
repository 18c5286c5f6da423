// Threads: cancelled asynchronously, in the middle of a loop without calls: the signal's handler unwinds the thread.
#include <pthread.h>
#include <semaphore.h>

#include "tests/guests/check.h"

static pthread_key_t key;
static sem_t ready;
static volatile uint64_t spins = 0;
static volatile int cleaned = 0;

// Has no cleanup of its own: a frame with one would need unwind tables for every instruction of the loop.
static void* body(void*) {
  pthread_setspecific(key, &ready);
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, nullptr);
  sem_post(&ready);
  for (;;) spins = spins + 1;
}

int main() {
  CHECK(sem_init(&ready, 0, 0) == 0);
  CHECK(pthread_key_create(&key, [](void*) { cleaned = cleaned + 1; }) == 0);
  for (int round = 1; round <= 10; round++) {
    pthread_t thread;
    void* result = nullptr;
    CHECK(pthread_create(&thread, nullptr, body, nullptr) == 0 && sem_wait(&ready) == 0);
    if (round % 2) sleep_ms(1);
    CHECK(pthread_cancel(thread) == 0 && pthread_join(thread, &result) == 0);
    CHECK(result == PTHREAD_CANCELED && cleaned == round);
  }
  printf("spins %lu\n", spins);
  return finish();
}
