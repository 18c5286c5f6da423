// pipeline BLOCKS: a producer, two filters and a consumer, each a thread, joined by pipes.
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace {
struct Block {
  uint64_t words[64];
};

bool get(int fd, Block& block) {
  size_t have = 0;
  while (have < sizeof block) {
    ssize_t got = read(fd, reinterpret_cast<char*>(&block) + have, sizeof block - have);
    if (got <= 0) return false;
    have += static_cast<size_t>(got);
  }
  return true;
}

// A block is less than PIPE_BUF, so it is written whole.
void put(int fd, const Block& block) {
  if (write(fd, &block, sizeof block) != sizeof block) abort();
}

void mix(Block& block) {
  for (int round = 0; round < 16; round++)
    for (uint64_t& word : block.words) word = (word ^ word >> 29) * 0xBF58476D1CE4E5B9u;
}

void filter(int from, int to) {
  for (Block block; get(from, block);) {
    mix(block);
    put(to, block);
  }
  close(to);
}
}  // namespace

int main(int, char** argv) {
  int first[2], second[2], third[2];
  if (pipe(first) != 0 || pipe(second) != 0 || pipe(third) != 0) return 1;
  std::thread producer([&] {
    Block block = {};
    for (long left = atol(argv[1]); left > 0; left--) {
      block.words[left % 64] += static_cast<uint64_t>(left);
      mix(block);
      put(first[1], block);
    }
    close(first[1]);
  });
  std::thread one(filter, first[0], second[1]), two(filter, second[0], third[1]);
  uint64_t sum = 0;
  for (Block block; get(third[0], block);)
    for (uint64_t word : block.words) sum = sum * 31 + word;
  producer.join(), one.join(), two.join();
  printf("%016lx\n", sum);
}
