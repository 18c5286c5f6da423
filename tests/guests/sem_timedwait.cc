// Time: semaphores and locks with deadlines: they pass, or the post comes first.
#include <pthread.h>
#include <semaphore.h>

#include <thread>

#include "tests/guests/check.h"

static timespec in_ms(clockid_t clock, long ms) {
  timespec when;
  CHECK(clock_gettime(clock, &when) == 0);
  when.tv_nsec += ms * 1'000'000;
  when.tv_sec += when.tv_nsec / 1'000'000'000;
  when.tv_nsec %= 1'000'000'000;
  return when;
}

int main() {
  sem_t semaphore;
  CHECK(sem_init(&semaphore, 0, 1) == 0);
  timespec soon = in_ms(CLOCK_REALTIME, 5);
  CHECK(sem_timedwait(&semaphore, &soon) == 0);
  CHECK(sem_timedwait(&semaphore, &soon) == -1 && errno == ETIMEDOUT);
  soon = in_ms(CLOCK_MONOTONIC, 5);
  CHECK(sem_clockwait(&semaphore, CLOCK_MONOTONIC, &soon) == -1 && errno == ETIMEDOUT);
  CHECK(sem_trywait(&semaphore) == -1 && errno == EAGAIN);
  std::thread poster([&] {
    sleep_ms(3);
    CHECK(sem_post(&semaphore) == 0);
  });
  timespec late = in_ms(CLOCK_REALTIME, 60'000);
  CHECK(sem_timedwait(&semaphore, &late) == 0);
  poster.join();

  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
  CHECK(pthread_mutex_lock(&mutex) == 0 && pthread_rwlock_rdlock(&lock) == 0);
  std::thread other([&] {
    timespec deadline = in_ms(CLOCK_REALTIME, 3);
    CHECK(pthread_mutex_timedlock(&mutex, &deadline) == ETIMEDOUT);
    CHECK(pthread_rwlock_timedrdlock(&lock, &deadline) == 0 && pthread_rwlock_unlock(&lock) == 0);
    deadline = in_ms(CLOCK_MONOTONIC, 3);
    CHECK(pthread_rwlock_clockwrlock(&lock, CLOCK_MONOTONIC, &deadline) == ETIMEDOUT);
  });
  other.join();
  CHECK(pthread_mutex_unlock(&mutex) == 0 && pthread_rwlock_unlock(&lock) == 0);
  printf("deadline %ld.%09ld\n", late.tv_sec, late.tv_nsec);
  return finish();
}
