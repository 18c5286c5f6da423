// Threads: cancelled at a cancellation point: cleanup handlers run in reverse, and the joiner is told.
#include <pthread.h>
#include <semaphore.h>

#include "tests/guests/check.h"

static int ends[2], cleaned[2], order = 0;
static sem_t ready;
static void clean(void* slot) {
  *static_cast<int*>(slot) = ++order;
}

static void* in_read(void*) {
  char buffer[8];
  pthread_cleanup_push(clean, &cleaned[0]);
  pthread_cleanup_push(clean, &cleaned[1]);
  sem_post(&ready);
  (void)!read(ends[0], buffer, sizeof buffer);
  CHECK(!"read returned");
  pthread_cleanup_pop(0);
  pthread_cleanup_pop(0);
  return nullptr;
}

static void* disabled_first(void*) {
  int old = 0;
  CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old) == 0 && old == PTHREAD_CANCEL_ENABLE);
  sem_post(&ready);
  sleep_ms(2);  // a cancellation point, but not now
  ++order;
  CHECK(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, nullptr) == 0);
  for (;;) pthread_testcancel();
}

static void* in_condition(void*) {
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
  auto unlock = [](void* held) { CHECK(pthread_mutex_unlock(static_cast<pthread_mutex_t*>(held)) == 0); };
  CHECK(pthread_mutex_lock(&mutex) == 0);
  sem_post(&ready);
  pthread_cleanup_push(unlock, &mutex);
  for (;;) pthread_cond_wait(&never, &mutex);
  pthread_cleanup_pop(1);
}

int main() {
  CHECK(pipe(ends) == 0 && sem_init(&ready, 0, 0) == 0);
  for (int round = 0; round < 5; round++)
    for (auto body : {in_read, disabled_first, in_condition}) {
      order = 0;
      pthread_t thread;
      void* result = nullptr;
      CHECK(pthread_create(&thread, nullptr, body, nullptr) == 0 && sem_wait(&ready) == 0);
      if (round % 2) sleep_ms(1);
      CHECK(pthread_cancel(thread) == 0 && pthread_join(thread, &result) == 0);
      CHECK(result == PTHREAD_CANCELED);
      if (body == in_read) CHECK(cleaned[1] == 1 && cleaned[0] == 2);
      if (body == disabled_first) CHECK(order == 1);
    }
  return finish();
}
