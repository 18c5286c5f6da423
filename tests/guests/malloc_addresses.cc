// Threads: eight allocate and free at once; the addresses depend on who came first to which arena.
#include <malloc.h>

#include <mutex>
#include <thread>
#include <vector>

#include "tests/guests/check.h"

int main() {
  constexpr int kThreads = 8;
  std::thread threads[kThreads];
  uint64_t hashes[kThreads] = {};
  void* shared[kThreads] = {};
  std::mutex mutex;
  for (int id = 0; id < kThreads; id++)
    threads[id] = std::thread([&, id] {
      std::vector<char*> blocks;
      for (size_t i = 0; i < 300; i++) {
        size_t bytes = 16 + i * 37 % 5000;
        blocks.push_back(static_cast<char*>(i % 3 ? malloc(bytes) : aligned_alloc(64, (bytes + 63) / 64 * 64)));
        memset(blocks.back(), id, bytes);
        hashes[id] = hash_bytes(&blocks.back(), sizeof(char*), hashes[id]);
        if (i % 5 == 4) {
          CHECK(blocks[i / 2][0] == id);
          blocks[i / 2] = static_cast<char*>(realloc(blocks[i / 2], 20000));
          CHECK(blocks[i / 2][15] == id);
        }
        std::lock_guard lock(mutex);  // a block goes from hand to hand, freed by whoever meets it
        free(shared[i % kThreads]);
        shared[i % kThreads] = malloc(bytes);
      }
      printf("thread %d: %p, %016lx\n", id, static_cast<void*>(blocks[100]), hashes[id]);
      for (char* block : blocks) free(block);
    });
  for (std::thread& thread : threads) thread.join();
  for (void* block : shared) free(block);
  void* large = malloc(8 << 20);
  printf("large %p, in use %zu\n", large, mallinfo2().uordblks);
  free(large);
  CHECK(malloc_trim(0) >= 0);
  return finish();
}
