// Threads: producers and consumers over one pipe, blocked on full and on empty, with records that must stay whole.
#include <atomic>
#include <thread>

#include "tests/guests/check.h"

struct Record {
  int producer, number;
  uint64_t check;
};

int main() {
  constexpr int kProducers = 3, kConsumers = 2, kRecords = 3000;
  int ends[2];
  CHECK(pipe(ends) == 0);
  std::atomic<int> seen[kProducers] = {};
  uint64_t orders[kConsumers] = {};
  std::thread producers[kProducers], consumers[kConsumers];
  for (int id = 0; id < kProducers; id++)
    producers[id] = std::thread([&, id] {
      for (int i = 0; i < kRecords; i++) {
        Record record = {id, i, hash_bytes(&i, sizeof i, uint64_t(id))};
        CHECK(write(ends[1], &record, sizeof record) == sizeof record);
      }
    });
  for (int id = 0; id < kConsumers; id++)
    consumers[id] = std::thread([&, id] {
      Record record;
      ssize_t got;
      while ((got = read(ends[0], &record, sizeof record)) > 0) {
        CHECK(got == sizeof record);
        CHECK(record.check == hash_bytes(&record.number, sizeof record.number, uint64_t(record.producer)));
        seen[record.producer]++;
        orders[id] = hash_bytes(&record, sizeof record, orders[id]);
      }
      CHECK(got == 0);
    });
  for (std::thread& producer : producers) producer.join();
  CHECK(close(ends[1]) == 0);
  for (std::thread& consumer : consumers) consumer.join();
  for (auto& count : seen) CHECK(count == kRecords);
  printf("orders %016lx %016lx\n", orders[0], orders[1]);
  return finish();
}
