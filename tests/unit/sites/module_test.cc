#include "record/sites/module.h"

#include <doctest/doctest.h>

#include <random>

#include "record/sites/candidates.h"
#include "record/sites/window.h"
#include "tests/unit/sites/elf_builder.h"

namespace ckpt::sites::test {

static const Code kGetpid = hex("b8 27 00 00 00 0f 05 c3");

TEST_CASE("module: functions come from the unwind table, in address order") {
  ElfBuilder elf;
  uint64_t first = elf.function(kGetpid);
  uint64_t second = elf.function(hex("90 c3"));
  Code file = elf.build();
  auto module = Module::view(file);
  REQUIRE(module.ok());
  REQUIRE(module->functions().size() == 2);
  CHECK(module->functions()[0].start == first);
  CHECK(module->functions()[1].start == second);
  CHECK(module->functions()[1].end == second + 2);
  CHECK(module->function_at(first + 7)->start == first);
  CHECK(!module->function_at(first + 8));
  CHECK(!module->function_at(first - 1));
}

TEST_CASE("module: a symbol names a function where the unwind table is silent") {
  ElfBuilder elf;
  uint64_t unwound = elf.function(kGetpid);
  uint64_t named = elf.loose(kGetpid);
  uint64_t nameless = elf.loose(kGetpid);
  elf.symbol(unwound, 100);
  elf.symbol(named, kGetpid.size());
  Code file = elf.build();
  auto module = Module::view(file);
  REQUIRE(module.ok());
  CHECK(module->function_at(unwound)->end == unwound + kGetpid.size());
  CHECK(module->function_at(named)->end == named + kGetpid.size());
  CHECK(!module->function_at(nameless));
}

TEST_CASE("module: a symbol outside the executable segment, or of an object, names no function") {
  ElfBuilder elf;
  uint64_t data = elf.loose(kGetpid);
  elf.symbol(data, kGetpid.size(), STT_OBJECT);
  elf.symbol(0x10, 8);
  elf.symbol(data, UINT64_MAX);
  Code file = elf.build();
  auto module = Module::view(file);
  REQUIRE(module.ok());
  CHECK(module->functions().empty());
}

TEST_CASE("module: the entry of __restore_rt begins a byte early; other signal frames are not believed") {
  ElfBuilder elf;
  uint64_t restore = elf.signal_frame(hex("48 c7 c0 0f 00 00 00 0f 05 0f 1f 00"));
  uint64_t other = elf.signal_frame(kGetpid);
  Code file = elf.build();
  auto module = Module::view(file);
  REQUIRE(module.ok());
  CHECK(module->function_at(restore)->start == restore);
  CHECK(!module->function_at(other));
  CHECK(plan_site(*module, restore + 7).window);
}

TEST_CASE("module: what is not an x86-64 library is unsupported") {
  CHECK(Module::view(hex("23 21 2f 62")).error().code == ckpt::Code::unsupported);
  CHECK(Module::view({}).error().code == ckpt::Code::unsupported);
  Code file = ElfBuilder().build();
  file[EI_CLASS] = ELFCLASS32;
  CHECK(Module::view(file).error().code == ckpt::Code::unsupported);
  CHECK(Module::open("/dev/null").error().code == ckpt::Code::unsupported);
  CHECK(Module::open("/nonexistent").error().code == ckpt::Code::io);
}

// Everything a file is asked, so that a sanitizer can see it.
static void ask_everything(const Code& file) {
  auto module = Module::view(file);
  if (!module.ok()) return;
  auto plans = plan_all(*module);
  for (const Plan& plan : plans) CHECK((plan.window.has_value() == (plan.refusal == Refusal::none)));
  auto candidates = scan_candidates(*module);
  CHECK(candidates.ok());
}

static Code busy_file() {
  ElfBuilder elf;
  uint64_t first = elf.function(kGetpid);
  elf.function(hex("0f 31 48 c1 e2 20 48 09 d0 c3"));
  elf.signal_frame(hex("48 c7 c0 0f 00 00 00 0f 05 0f 1f 00"));
  elf.function(hex("0f c7 f0 0f 92 c1 c3"));
  uint64_t last = elf.loose(kGetpid);
  elf.symbol(last, kGetpid.size());
  elf.pointer_to(first);
  return elf.build();
}

TEST_CASE("module: a file cut at any byte is an error or a smaller module, never a fault") {
  Code file = busy_file();
  for (size_t bytes = 0; bytes < file.size(); bytes++) ask_everything(Code(file.begin(), file.begin() + bytes));
}

TEST_CASE("module: any single byte may be wrong") {
  Code file = busy_file();
  for (size_t at = 0; at < file.size(); at++) {
    if (at > 64 + 3 * 56 && at < kText) continue;  // padding
    for (uint8_t value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      Code wrong = file;
      wrong[at] = value;
      ask_everything(wrong);
    }
  }
}

TEST_CASE("module: bytes scattered at random do no harm") {
  Code file = busy_file();
  constexpr unsigned kSeed = 4711;
  CAPTURE(kSeed);
  std::mt19937 random(kSeed);
  for (int round = 0; round < 3000; round++) {
    Code wrong = file;
    for (int i = 0; i < 8; i++) {
      size_t at = random() % 2 ? random() % 232 : kText + random() % (file.size() - kText);
      wrong[at] = static_cast<uint8_t>(random());
    }
    ask_everything(wrong);
  }
}

}  // namespace ckpt::sites::test
