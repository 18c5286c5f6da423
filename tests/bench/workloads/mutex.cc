// mutex ROUNDS: four threads take one mutex for a few instructions at a time. The order in which they
// got it is part of what is printed: a replay has to run them in the same one.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

int main(int, char** argv) {
  const long rounds = atol(argv[1]);
  std::mutex mutex;
  long count = 0;
  uint64_t order = 0, outside[4] = {};
  std::vector<std::thread> threads;
  for (uint64_t id = 0; id < 4; id++)
    threads.emplace_back([&, id] {
      uint64_t own = id;
      for (long i = 0; i < rounds; i++) {
        for (int step = 0; step < 20; step++) own = own * 6364136223846793005u + 1;
        std::lock_guard lock(mutex);
        count++;
        order = order * 31 + id;
      }
      outside[id] = own;
    });
  for (std::thread& thread : threads) thread.join();
  printf("order %016lx, %016lx\n", order, outside[0] ^ outside[1] ^ outside[2] ^ outside[3]);
  return count == 4 * rounds ? 0 : 1;
}
