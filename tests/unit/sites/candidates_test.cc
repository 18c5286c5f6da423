#include "record/sites/candidates.h"

#include <doctest/doctest.h>

#include "tests/unit/sites/elf_builder.h"

namespace ckpt::sites::test {

static std::vector<Candidate> scan(const ElfBuilder& elf) {
  Code file = elf.build();
  auto module = Module::view(file);
  REQUIRE(module.ok());
  auto found = scan_candidates(*module);
  REQUIRE(found.ok());
  return std::move(found).value();
}

TEST_CASE("candidates: an instruction is told from the same bytes inside another") {
  ElfBuilder elf;
  elf.function(hex("0f 31 b8 0f 31 00 00 0f 01 f9 c3"));
  auto found = scan(elf);
  REQUIRE(found.size() == 3);
  CHECK(found[0].standing == Standing::instruction);
  CHECK(found[0].kind == SiteKind::rdtsc);
  CHECK(found[1].standing == Standing::inside);
  CHECK(found[1].instruction == kText + 2);
  CHECK(found[2].standing == Standing::instruction);
  CHECK(found[2].kind == SiteKind::rdtscp);
}

TEST_CASE("candidates: bytes over the border of two instructions are inside") {
  ElfBuilder elf;
  elf.function(hex("b0 0f 31 c0 c3"));  // mov $15,%al; xor %eax,%eax
  auto found = scan(elf);
  REQUIRE(found.size() == 1);
  CHECK(found[0].standing == Standing::inside);
}

TEST_CASE("candidates: prefixes belong to the instruction; rdpid is not rdseed") {
  ElfBuilder elf;
  elf.function(hex("49 0f c7 f8 66 0f c7 f0 f3 0f c7 f8 0f c7 4d 00 c3"));
  auto found = scan(elf);
  REQUIRE(found.size() == 3);
  CHECK(found[0].standing == Standing::instruction);
  CHECK(found[0].instruction == kText);
  CHECK(found[0].vaddr == kText + 1);
  CHECK(found[1].standing == Standing::instruction);
  CHECK(found[2].standing == Standing::inside);
}

TEST_CASE("candidates: without a function, or one that decodes, they are unknown") {
  ElfBuilder elf;
  elf.loose(hex("0f 31 c3"));
  elf.function(hex("0f 31 06 c3"));
  elf.function(hex("eb 01 b8 0f 31 00 00 c3"));  // a branch into mov's operand, which is rdtsc there
  auto found = scan(elf);
  REQUIRE(found.size() == 3);
  for (const Candidate& candidate : found) CHECK(candidate.standing == Standing::unknown);
}

TEST_CASE("candidates: a branch that lands behind a prefix hides nothing") {
  ElfBuilder elf;
  elf.function(hex("eb 01 f3 0f c7 f8 c3"));  // rdpid for who falls in, rdseed for the branch
  auto found = scan(elf);
  REQUIRE(found.size() == 1);
  CHECK(found[0].standing == Standing::unknown);
}

TEST_CASE("candidates: none is missed at any distance from the segment's end") {
  for (size_t padding = 0; padding < 40; padding++) {
    ElfBuilder elf;
    Code code(padding, 0x90);
    for (uint8_t byte : hex("0f 31")) code.push_back(byte);
    elf.function(code);
    auto found = scan(elf);
    REQUIRE(found.size() == 1);
    CHECK(found[0].vaddr == kText + padding);
    CHECK(found[0].standing == Standing::instruction);
  }
}

TEST_CASE("candidates: syscalls are left out") {
  ElfBuilder elf;
  elf.function(hex("0f 05 c3"));
  CHECK(scan(elf).empty());
}

}  // namespace ckpt::sites::test
