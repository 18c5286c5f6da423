// Threads: counting semaphores bound how many are inside; a named one is found again by name.
#include <fcntl.h>
#include <semaphore.h>

#include <atomic>
#include <semaphore>
#include <thread>

#include "tests/guests/check.h"

int main() {
  constexpr int kThreads = 6, kRounds = 40, kRoom = 2;
  sem_t room;
  std::counting_semaphore<kRoom> second_room(kRoom);
  CHECK(sem_init(&room, 0, kRoom) == 0);
  std::atomic<int> inside = 0, most = 0, entered = 0;
  std::thread threads[kThreads];
  for (int id = 0; id < kThreads; id++)
    threads[id] = std::thread([&, id] {
      for (int i = 0; i < kRounds; i++) {
        CHECK(sem_wait(&room) == 0);
        second_room.acquire();
        int now = ++inside;
        CHECK(now <= kRoom);
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) continue;
        if (i % 5 == id) sched_yield();
        inside--;
        entered++;
        second_room.release();
        CHECK(sem_post(&room) == 0);
      }
    });
  for (std::thread& thread : threads) thread.join();
  int value = 0;
  CHECK(entered == kThreads * kRounds && sem_getvalue(&room, &value) == 0 && value == kRoom);
  printf("most inside %d\n", most.load());

  std::string name = "/guest-" + std::to_string(getpid());
  sem_t* named = sem_open(name.c_str(), O_CREAT | O_EXCL, 0600, 1);
  if (named == SEM_FAILED) {
    CHECK(errno == ENOSYS || errno == EACCES || errno == ENOENT);  // no /dev/shm here
    return finish();
  }
  CHECK(sem_open(name.c_str(), 0) == named && sem_trywait(named) == 0 && sem_trywait(named) == -1);
  CHECK(sem_close(named) == 0 && sem_close(named) == 0 && sem_unlink(name.c_str()) == 0);
  return finish();
}
