// Time: condition variables with deadlines, on either clock: they pass, or the wake comes first.
#include <pthread.h>

#include "tests/guests/check.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static bool ready = false;

static timespec in_ms(clockid_t clock, long ms) {
  timespec when;
  CHECK(clock_gettime(clock, &when) == 0);
  when.tv_nsec += ms * 1'000'000;
  when.tv_sec += when.tv_nsec / 1'000'000'000;
  when.tv_nsec %= 1'000'000'000;
  return when;
}

static void* wake(void* condition) {
  sleep_ms(3);
  CHECK(pthread_mutex_lock(&mutex) == 0);
  ready = true;
  CHECK(pthread_cond_signal(static_cast<pthread_cond_t*>(condition)) == 0);
  CHECK(pthread_mutex_unlock(&mutex) == 0);
  return nullptr;
}

int main() {
  for (clockid_t clock : {CLOCK_REALTIME, CLOCK_MONOTONIC}) {
    pthread_condattr_t attributes;
    pthread_cond_t condition;
    CHECK(pthread_condattr_init(&attributes) == 0 && pthread_condattr_setclock(&attributes, clock) == 0);
    CHECK(pthread_cond_init(&condition, &attributes) == 0);
    CHECK(pthread_mutex_lock(&mutex) == 0);
    timespec deadline = in_ms(clock, 5), past = {};
    int result = 0;
    while (result == 0) result = pthread_cond_timedwait(&condition, &mutex, &deadline);
    CHECK(result == ETIMEDOUT && pthread_mutex_trylock(&mutex) == EBUSY);
    timespec after = in_ms(clock, 0);
    CHECK(clock == CLOCK_REALTIME || after.tv_sec > deadline.tv_sec || after.tv_nsec >= deadline.tv_nsec);
    CHECK(pthread_cond_timedwait(&condition, &mutex, &past) == ETIMEDOUT);

    pthread_t thread;
    ready = false;
    CHECK(pthread_create(&thread, nullptr, wake, &condition) == 0);
    deadline = in_ms(clock, 60'000);
    while (!ready) CHECK(pthread_cond_clockwait(&condition, &mutex, clock, &deadline) == 0);
    CHECK(pthread_mutex_unlock(&mutex) == 0 && pthread_join(thread, nullptr) == 0);
    CHECK(pthread_cond_destroy(&condition) == 0);
    printf("deadline %ld.%09ld\n", deadline.tv_sec, deadline.tv_nsec);
  }
  return finish();
}
