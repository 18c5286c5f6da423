#include "trace/store/event_view.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "tests/unit/store/random_events.h"

namespace ckpt {
namespace {

using test::bytes_of;
using test::EventBuilder;

TEST_CASE("event view: header, arguments and parts are where the agent puts them") {
  EventBuilder builder;
  builder.task = 7;
  builder.add(0, 5, {3, 0x1000, 64}, {{0x1000, bytes_of("hello")}, {0x2000, bytes_of(""), abi::PartRole::input, 2, 1}});
  builder.add(39, 4711, {});
  REQUIRE(validate_events(builder.events()).value() == 2);
  std::vector<EventView> events;
  for (EventView event : EventRange(builder.events())) events.push_back(event);
  REQUIRE(events.size() == 2);
  CHECK(events[0].header().task == 7);
  CHECK(events[0].arg(1) == 0x1000);
  CHECK(events[0].arg(3) == 0);
  std::vector<PartView> parts;
  for (PartView part : events[0].parts()) parts.push_back(part);
  REQUIRE(parts.size() == 2);
  CHECK(parts[0].bytes.size() == 5);
  CHECK(std::memcmp(parts[0].bytes.data(), "hello", 5) == 0);
  CHECK(parts[1].part.role == abi::PartRole::input);
  CHECK(parts[1].part.cut == 1);
  CHECK(events[1].parts().empty());
  CHECK(events[1].header().result == 4711);
}

// One event of 24 + 8 + 16 + 8 bytes whose fields a case then spoils.
struct Spoilt {
  alignas(8) std::byte bytes[56];
  Spoilt() {
    EventBuilder builder;
    builder.add(0, 5, {3}, {{0x1000, bytes_of("hello")}});
    std::memcpy(bytes, builder.events().data(), sizeof(bytes));
  }
  template <class T>
  Spoilt& set(size_t at, T value) {
    std::memcpy(bytes + at, &value, sizeof(value));
    return *this;
  }
  bool ok() const {
    const bool whole = validate_events(bytes).ok();
    CHECK(validate_event(bytes).ok() == whole);
    CHECK((whole_event(bytes) != 0) == whole);
    return whole;
  }
};

TEST_CASE("event view: every length is checked before it is used") {
  CHECK(Spoilt().ok());
  CHECK_FALSE(Spoilt().set<uint32_t>(0, 64).ok());  // longer than the span
  CHECK_FALSE(Spoilt().set<uint32_t>(0, 0).ok());
  CHECK_FALSE(Spoilt().set<uint32_t>(0, 16).ok());  // shorter than a header
  CHECK_FALSE(Spoilt().set<uint32_t>(0, 52).ok());  // no multiple of 8
  CHECK_FALSE(Spoilt().set<uint32_t>(0, 40).ok());  // half a part
  CHECK_FALSE(Spoilt().set<uint8_t>(5, 5).ok());    // arguments pass the end
  CHECK_FALSE(Spoilt().set<uint8_t>(5, 2).ok());    // half a part left
  CHECK_FALSE(Spoilt().set<uint32_t>(40, 9).ok());  // the part passes the end
  CHECK_FALSE(Spoilt().set<uint32_t>(40, UINT32_MAX).ok());
  CHECK_FALSE(Spoilt().set<uint32_t>(40, 0).ok());  // bytes left over
  CHECK_FALSE(Spoilt().set<uint8_t>(44, 2).ok());   // unknown role
  CHECK_FALSE(Spoilt().set<uint8_t>(55, 1).ok());   // padding
  CHECK(Spoilt().set<uint32_t>(40, 8).ok());
}

TEST_CASE("event view: an error names the byte, and misaligned spans are refused") {
  EventBuilder builder;
  builder.add(0, 0, {}).add(1, 0, {1, 2});
  std::vector<std::byte> bytes(builder.events().begin(), builder.events().end());
  bytes[24] = std::byte{8};
  const Result<uint64_t> result = validate_events(bytes);
  CHECK(result.error().code == Code::corrupt);
  CHECK(result.error().where == 24);
  CHECK(validate_events(builder.events().subspan(4)).error().code == Code::usage);
  CHECK(validate_events({}).value() == 0);
}

TEST_CASE("event view: random events are valid, and cut anywhere they are not") {
  const EventBuilder builder = test::random_events(300, 42);
  CHECK(validate_events(builder.events()).value() == 300);
  std::vector<size_t> ends{0};
  for (EventView event : EventRange(builder.events())) ends.push_back(ends.back() + event.bytes().size());
  for (size_t cut = 0; cut < builder.events().size(); cut += 8) {
    const bool at_end = std::binary_search(ends.begin(), ends.end(), cut);
    CHECK(validate_events(builder.events().first(cut)).ok() == at_end);
  }
}

}  // namespace
}  // namespace ckpt
