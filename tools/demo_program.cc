// A small program whose result is another one at each run: four threads race for numbers.
//
// Each takes numbers from a shared counter, without a lock, and mixes them with the time and
// with what it drew by chance. Who took what, where the threads' stacks lie, and what is lost in
// the race differ from run to run. tools/demo records one run and gets just that one back.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <random>
#include <thread>
#include <vector>

namespace {

constexpr int kThreads = 4;
constexpr int kRounds = 2000;

// A data race, on purpose: two threads may take the same number.
volatile uint64_t next_number = 0;

struct Finding {
  uint64_t mixed = 0;
  uint64_t taken = 0;
  const void* stack = nullptr;
};

void take_numbers(Finding& finding) {
  std::random_device chance;
  int here = 0;
  finding.stack = &here;
  for (int i = 0; i < kRounds; ++i) {
    uint64_t number = next_number;
    next_number = number + 1;
    auto now = std::chrono::steady_clock::now().time_since_epoch().count();
    finding.mixed = finding.mixed * 31 + (number ^ static_cast<uint64_t>(now));
    finding.taken += number % 2;
    if (i % 500 == 0) finding.mixed ^= chance();
    if (i % 100 == 0) std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
}

}  // namespace

int main() {
  std::vector<Finding> findings(kThreads);
  std::vector<std::thread> threads;
  for (Finding& finding : findings) threads.emplace_back(take_numbers, std::ref(finding));
  for (std::thread& thread : threads) thread.join();
  uint64_t all = 0;
  for (int i = 0; i < kThreads; ++i) {
    std::printf("thread %d: stack %p, %llu odd numbers, mixed %016llx\n", i, findings[i].stack,
                static_cast<unsigned long long>(findings[i].taken), static_cast<unsigned long long>(findings[i].mixed));
    all ^= findings[i].mixed;
  }
  std::printf("counted to %llu of %d; result %016llx\n", static_cast<unsigned long long>(next_number),
              kThreads * kRounds, static_cast<unsigned long long>(all));
  return 0;
}
