// Threads: thread-local objects and keys are torn down at a thread's exit, however it leaves, and call out again.
#include <pthread.h>

#include <atomic>
#include <thread>

#include "tests/guests/check.h"

static std::atomic<int> constructed = 0, destroyed = 0, key_calls = 0;
struct Counted {
  Counted() { constructed++; }
  ~Counted() {
    destroyed++;
    CHECK(raw_syscall(SYS_getpid) == getpid());
  }
  int value = 7;
};
static thread_local Counted counted;
static thread_local std::string text = "initialised per thread, too long for the object itself";
static pthread_key_t key;

static void on_exit_of_thread(void* value) {
  key_calls++;
  // Set again: called again, until the value stays null.
  long left = reinterpret_cast<long>(value) - 1;
  CHECK(pthread_setspecific(key, reinterpret_cast<void*>(left)) == 0);
}

static void use() {
  CHECK(counted.value == 7 && text.size() > 40);
  CHECK(pthread_getspecific(key) == nullptr && pthread_setspecific(key, reinterpret_cast<void*>(3)) == 0);
  counted.value = 8;
}

int main() {
  CHECK(pthread_key_create(&key, on_exit_of_thread) == 0);
  for (int i = 1; i <= 20; i++) {
    std::thread thread([&] {
      use();
      if (i % 2) pthread_exit(nullptr);
    });
    thread.join();
    CHECK(constructed == i && destroyed == i && key_calls == 3 * i);
  }
  use();
  CHECK(destroyed == 20);
  printf("thread-local objects at %p %p\n", static_cast<void*>(&counted), static_cast<void*>(&text));
  return finish();
}
