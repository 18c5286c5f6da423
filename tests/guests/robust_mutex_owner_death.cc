// Kernel writes: a thread dies holding robust mutexes; the kernel marks their words, and wakes a thread that waits.
#include <pthread.h>

#include "tests/guests/check.h"

static pthread_mutex_t mutexes[3];

static void* die_holding(void*) {
  for (pthread_mutex_t& mutex : mutexes) CHECK(pthread_mutex_lock(&mutex) == 0);
  sleep_ms(5);
  return nullptr;
}

static void* wait_for_it(void* mutex) {
  int result = pthread_mutex_lock(static_cast<pthread_mutex_t*>(mutex));
  CHECK(result == EOWNERDEAD || result == 0);  // 0 if it came before the one that dies
  if (result == EOWNERDEAD) CHECK(pthread_mutex_consistent(static_cast<pthread_mutex_t*>(mutex)) == 0);
  CHECK(pthread_mutex_unlock(static_cast<pthread_mutex_t*>(mutex)) == 0);
  return result ? mutex : nullptr;
}

int main() {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  CHECK(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0);
  int woken = 0;
  for (int round = 0; round < 5; round++) {
    for (pthread_mutex_t& mutex : mutexes) CHECK(pthread_mutex_init(&mutex, &attributes) == 0);
    pthread_t dying, waiting;
    CHECK(pthread_create(&dying, nullptr, die_holding, nullptr) == 0);
    sleep_ms(1);
    CHECK(pthread_create(&waiting, nullptr, wait_for_it, &mutexes[0]) == 0);
    void* was_dead = nullptr;
    CHECK(pthread_join(waiting, &was_dead) == 0 && pthread_join(dying, nullptr) == 0);
    woken += was_dead != nullptr;
    // The kernel has marked this one: bit 30 says that the owner died.
    CHECK(mutexes[1].__data.__lock & 0x40000000);
    CHECK(pthread_mutex_trylock(&mutexes[1]) == EOWNERDEAD);
    CHECK(pthread_mutex_consistent(&mutexes[1]) == 0 && pthread_mutex_unlock(&mutexes[1]) == 0);
    // Unlocked without being made consistent, a mutex is lost for good.
    CHECK(pthread_mutex_lock(&mutexes[2]) == EOWNERDEAD && pthread_mutex_unlock(&mutexes[2]) == 0);
    CHECK(pthread_mutex_lock(&mutexes[2]) == ENOTRECOVERABLE);
  }
  printf("waiters that saw the death: %d of 5\n", woken);
  return finish();
}
