// Programs that must work: 8 threads of std::thread, random_device, chrono, thread_local, exceptions and iostreams.
#include <atomic>
#include <chrono>
#include <iostream>
#include <mutex>
#include <random>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/guests/check.h"

static std::mutex lock;
static thread_local uint64_t mine = 0;

static uint64_t churn(uint64_t seed) {
  std::mt19937_64 generator(seed);
  uint64_t digest = 0;
  for (int i = 0; i < 20000; i++) {
    mine += generator() >> 40;
    if (i % 1000 == 0) try {
        throw std::runtime_error(std::to_string(mine));
      } catch (const std::exception& error) {
        digest = digest * 31 + std::string(error.what()).size() + mine;
      }
  }
  return digest;
}

int main() {
  std::vector<std::thread> threads;
  std::vector<int> order;
  for (int n = 0; n < 8; n++)
    threads.emplace_back([&, n] {
      std::random_device device;
      uint64_t seed = device();
      auto begin = std::chrono::steady_clock::now();
      uint64_t digest = churn(seed);
      auto* block = new char[100 + seed % 5000];
      std::ostringstream line;
      line << "thread " << n << " seed " << seed << " digest " << digest << " block " << static_cast<void*>(block) << " took "
           << (std::chrono::steady_clock::now() - begin).count() << " ns\n";
      std::lock_guard<std::mutex> guard(lock);
      order.push_back(n);
      std::cout << line.str();
      delete[] block;
    });
  for (auto& thread : threads) thread.join();
  for (int n : order) std::cout << n << ' ';
  std::cout << std::endl;
  return finish();
}
