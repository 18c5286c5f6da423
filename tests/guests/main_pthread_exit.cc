// Threads: the main thread leaves by pthread_exit, others live on, and the last of them ends the program with 0.
#include <pthread.h>

#include "tests/guests/check.h"

static pthread_t main_thread;

static void* last(void*) {
  void* result = nullptr;
  CHECK(pthread_join(main_thread, &result) == 0 && result == &main_thread);
  sleep_ms(2);
  CHECK(gettid() != getpid());
  finish();
  return nullptr;
}

static void* not_last(void*) {
  sleep_ms(1);
  return nullptr;
}

int main() {
  main_thread = pthread_self();
  pthread_t thread;
  CHECK(pthread_create(&thread, nullptr, not_last, nullptr) == 0 && pthread_detach(thread) == 0);
  CHECK(pthread_create(&thread, nullptr, last, nullptr) == 0 && pthread_detach(thread) == 0);
  pthread_exit(&main_thread);
}
