// Threads: futures, promises, packaged tasks and exceptions that cross threads with them.
#include <future>
#include <stdexcept>
#include <vector>

#include "tests/guests/check.h"

static int sum(int from, int to) {
  if (to - from < 50) {
    int total = 0;
    for (int i = from; i < to; i++) total += i;
    return total;
  }
  auto half = std::async(std::launch::async, sum, from, (from + to) / 2);
  return sum((from + to) / 2, to) + half.get();
}

int main() {
  CHECK(sum(0, 1000) == 499'500);
  auto failing = std::async(std::launch::async, []() -> int { throw std::runtime_error("from the thread"); });
  bool caught = false;
  try {
    failing.get();
  } catch (const std::runtime_error& error) {
    caught = strcmp(error.what(), "from the thread") == 0;
  }
  CHECK(caught);
  std::promise<int> promise;
  std::shared_future<int> shared = promise.get_future().share();
  std::vector<std::future<int>> waiting;
  for (int i = 0; i < 4; i++) waiting.push_back(std::async(std::launch::async, [=] { return shared.get() + i; }));
  CHECK(shared.wait_for(std::chrono::milliseconds(1)) == std::future_status::timeout);
  promise.set_value(10);
  for (int i = 0; i < 4; i++) CHECK(waiting[size_t(i)].get() == 10 + i);
  std::packaged_task<pid_t()> task([] { return gettid(); });
  auto tid = task.get_future();
  std::thread runner(std::move(task));
  pid_t of_runner = tid.get();
  runner.join();
  CHECK(of_runner != gettid());
  auto deferred = std::async(std::launch::deferred, [] { return gettid(); });
  CHECK(deferred.get() == gettid());
  printf("ran in %d\n", of_runner);
  return finish();
}
