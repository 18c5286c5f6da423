// Time: the futex call itself: relative and absolute timeouts, values that changed, requeueing, waking by bit.
#include <linux/futex.h>

#include <atomic>
#include <thread>

#include "tests/guests/check.h"

static int word = 0, other = 0;

static long futex(int* where, int operation, long value, const void* timeout = nullptr, int* where2 = nullptr,
                  long value3 = 0) {
  return raw_syscall(SYS_futex, address(where), operation, value, address(timeout), address(where2), value3);
}

static timespec in_ms(clockid_t clock, long ms) {
  timespec when;
  CHECK(clock_gettime(clock, &when) == 0);
  when.tv_nsec += ms * 1'000'000;
  when.tv_sec += when.tv_nsec / 1'000'000'000;
  when.tv_nsec %= 1'000'000'000;
  return when;
}

int main() {
  const timespec relative = {.tv_sec = 0, .tv_nsec = 3'000'000}, zero = {};
  CHECK(futex(&word, FUTEX_WAIT_PRIVATE, 0, &relative) == -ETIMEDOUT);
  CHECK(futex(&word, FUTEX_WAIT_PRIVATE, 0, &zero) == -ETIMEDOUT);
  CHECK(futex(&word, FUTEX_WAIT_PRIVATE, 1, &relative) == -EAGAIN);
  timespec monotonic = in_ms(CLOCK_MONOTONIC, 3), real = in_ms(CLOCK_REALTIME, 3);
  CHECK(futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, &monotonic, nullptr, -1) == -ETIMEDOUT);
  CHECK(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &real, nullptr, -1) == -ETIMEDOUT);
  timespec after = in_ms(CLOCK_MONOTONIC, 0);
  CHECK(after.tv_sec > monotonic.tv_sec || after.tv_nsec >= monotonic.tv_nsec);
  CHECK(futex(&word, FUTEX_WAKE_PRIVATE, 1) == 0);

  // Three waiters: one is woken by a bit only it waits for, the others are requeued and woken there.
  std::atomic<int> woken = 0;
  std::thread waiters[3];
  for (int i = 0; i < 3; i++)
    waiters[i] = std::thread([&, i] {
      CHECK(futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, nullptr, nullptr, i == 0 ? 1 : 2) == 0);
      woken++;
    });
  while (futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 1, nullptr, nullptr, 1) == 0) sched_yield();
  waiters[0].join();
  CHECK(woken == 1);
  long moved = 0;
  while (moved < 2) {
    long result = futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 0, reinterpret_cast<void*>(2), &other, 0);
    CHECK(result >= 0);
    moved += result;
    sched_yield();
  }
  CHECK(woken == 1 && futex(&word, FUTEX_WAKE_PRIVATE, 9) == 0);
  // Adds 1 to `other`, wakes one waiter of `word` (none) and, as `other` was 0, up to nine of `other`.
  long set_one_if_zero = FUTEX_OP(FUTEX_OP_ADD, 1, FUTEX_OP_CMP_EQ, 0);
  CHECK(futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, reinterpret_cast<void*>(9), &other, set_one_if_zero) == 2 && other == 1);
  for (int i = 1; i < 3; i++) waiters[i].join();
  CHECK(woken == 3);
  futex_waitv vector[] = {{.val = 5, .uaddr = uint64_t(&word), .flags = FUTEX_32, .__reserved = 0}};
  long result = raw_syscall(SYS_futex_waitv, address(vector), 1, 0, address(&monotonic), CLOCK_MONOTONIC);
  CHECK(result == -EAGAIN || result == -ENOSYS);
  printf("deadline %ld.%09ld\n", real.tv_sec, real.tv_nsec);
  return finish();
}
