// compute ROUNDS: integers, doubles and a table that fits the second cache; no call while it runs.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

int main(int, char** argv) {
  std::vector<uint64_t> table(1 << 14, 1);
  uint64_t state = 88172645463325252u;
  double total = 0;
  for (long round = atol(argv[1]); round > 0; round--) {
    for (uint64_t& slot : table) {
      state ^= state << 13, state ^= state >> 7, state ^= state << 17;
      slot += table[state % table.size()] ^ state;
      total = total * 0.5 + static_cast<double>(slot >> 32);
    }
  }
  uint64_t hash = 0;
  for (uint64_t slot : table) hash = hash * 31 + slot;
  printf("%016lx %.6f\n", hash, total);
}
