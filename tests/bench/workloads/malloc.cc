// malloc ROUNDS: four threads free and allocate blocks of mixed sizes, each among its own. The
// addresses are part of what is printed: a replay has to hand out the same ones.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

static uint64_t work(long rounds, uint64_t state) {
  std::vector<char*> blocks(512);
  uint64_t hash = 0;
  for (; rounds > 0; rounds--) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    char*& block = blocks[(state >> 33) % blocks.size()];
    size_t bytes = 16 + (state >> 48) % (state >> 63 ? 256 : 4096);
    free(block);
    block = static_cast<char*>(malloc(bytes));
    block[0] = block[bytes - 1] = 1;
    hash = hash * 31 + reinterpret_cast<uint64_t>(block);
  }
  for (char* block : blocks) free(block);
  return hash;
}

int main(int, char** argv) {
  uint64_t hashes[4];
  std::vector<std::thread> threads;
  for (uint64_t id = 0; id < 4; id++) threads.emplace_back([&, id] { hashes[id] = work(atol(argv[1]), id + 1); });
  for (std::thread& thread : threads) thread.join();
  for (uint64_t hash : hashes) printf("%016lx\n", hash);
}
