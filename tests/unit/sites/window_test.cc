#include "record/sites/window.h"

#include <doctest/doctest.h>

#include "tests/unit/sites/elf_builder.h"

namespace ckpt::sites::test {

// A module whose first function, at 0x1000, has this code. The file outlives the answer
// because a plan is a value.
static Plan plan_in(const ElfBuilder& elf, uint64_t site) {
  Code file = elf.build();
  auto module = Module::view(file);
  REQUIRE(module.ok());
  return plan_site(*module, site);
}

static Plan plan_code(const char* digits, uint64_t offset) {
  ElfBuilder elf;
  elf.function(hex(digits));
  return plan_in(elf, kText + offset);
}

static void check_window(const Plan& plan, uint64_t start, int bytes, size_t before, size_t after) {
  INFO(describe(plan));
  REQUIRE(plan.window);
  CHECK(plan.window->start == kText + start);
  CHECK(int{plan.window->bytes} == bytes);
  CHECK(plan.window->before.size() == before);
  CHECK(plan.window->after.size() == after);
}

static void check_refused(const Plan& plan, Refusal refusal, uint64_t culprit) {
  INFO(describe(plan));
  CHECK(!plan.window);
  CHECK(name_of(plan.refusal) == std::string(name_of(refusal)));
  CHECK(plan.culprit == kText + culprit);
}

TEST_CASE("window: a syscall takes the compare behind it along") {
  Plan plan = plan_code("b8 27 00 00 00 0f 05 48 3d 00 f0 ff ff c3", 5);
  check_window(plan, 5, 8, 0, 1);
  CHECK(int{plan.window->after[0].offset} == 2);
  CHECK(int{plan.window->after[0].length} == 6);
  CHECK(plan.window->after[0].relocation == Relocation::copy);
  Code original(plan.window->original.begin(), plan.window->original.begin() + 8);
  CHECK(original == hex("0f 05 48 3d 00 f0 ff ff"));
}

TEST_CASE("window: a syscall before a short return takes the move before it along") {
  check_window(plan_code("90 b8 27 00 00 00 0f 05 c3", 6), 1, 7, 1, 0);
}

TEST_CASE("window: a two-byte instruction before is completed by the return behind") {
  Plan plan = plan_code("90 31 c0 0f 05 c3", 3);  // xor %eax,%eax; syscall; ret
  check_window(plan, 1, 5, 1, 1);
  CHECK(!plan.window->after[0].falls_through);
  CHECK(int{plan.window->after[0].offset} == 4);
}

TEST_CASE("window: several short instructions are taken from either side") {
  check_window(plan_code("0f 05 89 c2 85 d2 c3", 0), 0, 6, 0, 2);     // mov; test
  check_window(plan_code("90 89 f8 89 f7 0f 05 c3", 5), 3, 5, 1, 1);  // mov; syscall; ret
  check_window(plan_code("0f 31 48 c1 e2 20 c3", 0), 0, 6, 0, 1);     // rdtsc; shl
  check_window(plan_code("0f 01 f9 48 c1 e2 20 c3", 0), 0, 7, 0, 1);  // rdtscp; shl
}

TEST_CASE("window: a long enough rdrand needs no neighbour but its retry branch may move") {
  Plan plan = plan_code("48 0f c7 f0 73 fa c3", 0);  // 1: rdrand %rax; jae 1b
  check_window(plan, 0, 6, 0, 1);
  CHECK(plan.kind == SiteKind::rdrand);
  CHECK(plan.window->operand == (0u | 8u << 8));
  CHECK(plan.window->after[0].relocation == Relocation::branch);
  CHECK(plan.window->after[0].target == kText);
  CHECK(int{plan.window->after[0].field} == 3);
}

TEST_CASE("window: the operand says register and width") {
  CHECK(plan_code("41 0f c7 fb 0f 92 c1 c3", 0).window->operand == (11u | 4u << 8));  // rdseed %r11d
  CHECK(plan_code("66 0f c7 f3 0f 92 c1 c3", 0).window->operand == (3u | 2u << 8));   // rdrand %bx
  CHECK(plan_code("49 0f c7 ff 0f 92 c1 c3", 0).window->operand == (15u | 8u << 8));  // rdseed %r15
  CHECK(plan_code("41 0f c7 fb 0f 92 c1 c3", 0).kind == SiteKind::rdseed);
}

TEST_CASE("window: a branch or jump may be the last to move") {
  Plan branch = plan_code("0f 05 85 c0 78 01 c3 c3", 0);  // test; js: the window ends behind js
  check_window(branch, 0, 6, 0, 2);
  CHECK(branch.window->after[1].target == kText + 7);
  Plan jump = plan_code("0f 05 89 c2 eb 01 90 c3", 0);
  check_window(jump, 0, 6, 0, 2);
  CHECK(jump.window->after[1].relocation == Relocation::jump);
  CHECK(!jump.window->after[1].falls_through);
}

TEST_CASE("window: a branch that is not the last must stay, and takes the window to the other side") {
  check_window(plan_code("b8 27 00 00 00 0f 05 75 01 90 c3", 5), 0, 7, 1, 0);
  check_window(plan_code("90 0f 05 75 01 90 c3", 1), 0, 5, 1, 1);  // with a nop before, it is the last
  check_refused(plan_code("57 0f 05 75 01 90 c3", 1), Refusal::not_relocatable, 3);
}

TEST_CASE("window: a rip-relative operand is remembered with where it points") {
  Plan plan = plan_code("0f 05 48 8b 0d 10 20 00 00 c3", 0);  // mov 0x2010(%rip),%rcx
  check_window(plan, 0, 9, 0, 1);
  CHECK(plan.window->after[0].relocation == Relocation::rip_relative);
  CHECK(int{plan.window->after[0].field} == 3);
  CHECK(plan.window->after[0].target == kText + 9 + 0x2010);
  Plan immediate = plan_code("0f 05 c7 05 10 20 00 00 01 00 00 00 c3", 0);  // movl $1,0x2010(%rip)
  CHECK(immediate.window->after[0].target == kText + 12 + 0x2010);
}

TEST_CASE("window: calls, traps, other sites and the GS base stay where they are") {
  check_refused(plan_code("0f 05 e8 00 00 00 00 c3", 0), Refusal::not_relocatable, 2);
  check_refused(plan_code("0f 05 f4 90 90 90 c3", 0), Refusal::not_relocatable, 2);  // hlt
  check_refused(plan_code("0f 05 0f 0b 90 90 c3", 0), Refusal::not_relocatable, 2);  // ud2
  check_refused(plan_code("0f 05 0f 31 90 90 c3", 0), Refusal::not_relocatable, 2);  // rdtsc
  check_refused(plan_code("0f 05 cc 90 90 90 c3", 0), Refusal::not_relocatable, 2);
  check_refused(plan_code("0f 05 e3 00 90 90 c3", 0), Refusal::not_relocatable, 2);           // jrcxz
  check_refused(plan_code("0f 05 c7 f8 00 00 00 00 c3", 0), Refusal::not_relocatable, 2);     // xbegin
  check_refused(plan_code("0f 05 f3 48 0f ae d8 c3", 0), Refusal::not_relocatable, 2);        // wrgsbase %rax
  check_refused(plan_code("0f 05 8e e8 90 90 90 c3", 0), Refusal::not_relocatable, 2);        // mov %eax,%gs
  check_refused(plan_code("0f 05 67 8b 05 00 20 00 00 c3", 0), Refusal::not_relocatable, 2);  // eip-relative
}

TEST_CASE("window: only plain instructions are moved before the site") {
  check_window(plan_code("48 8d 05 00 20 00 00 0f 05 c3", 7), 0, 9, 1, 0);                 // lea
  check_window(plan_code("48 8b 7c 24 08 0f 05 c3", 5), 0, 7, 1, 0);                       // mov 8(%rsp),%rdi
  check_refused(plan_code("48 83 c4 08 0f 05 c3", 4), Refusal::not_relocatable, 6);        // add $8,%rsp
  check_refused(plan_code("48 89 e5 48 89 c4 0f 05 c3", 6), Refusal::not_relocatable, 8);  // mov %rax,%rsp
  check_refused(plan_code("48 83 c7 01 0f 05 c3", 4), Refusal::not_relocatable, 6);        // add $1,%rdi
  check_refused(plan_code("e8 00 00 00 00 0f 05 c3", 5), Refusal::not_relocatable, 7);     // call
}

TEST_CASE("window: an instruction that reads the window's own bytes stays") {
  check_refused(plan_code("0f 05 48 8b 05 f9 ff ff ff c3", 0), Refusal::not_relocatable, 2);
}

TEST_CASE("window: a function too short for a jump is refused") {
  check_refused(plan_code("0f 05 c3", 0), Refusal::not_relocatable, 2);
  check_refused(plan_code("0f 05 90", 0), Refusal::no_room, 3);
}

TEST_CASE("window: a window never passes 16 bytes") {
  check_window(plan_code("0f 05 89 c2 49 b8 01 02 03 04 05 06 07 08 c3", 0), 0, 14, 0, 2);
  // Two bytes, then cs movl $1,0x12345678(%rax,%rbx,8) of 13 with its prefixes.
  check_refused(plan_code("0f 05 89 c2 2e 2e 64 c7 84 d8 78 56 34 12 01 00 00 00 c3", 0), Refusal::no_room, 4);
}

TEST_CASE("window: a short branch behind the syscall sends the window to the other side") {
  // getrandom-like: the compare behind the syscall is a loop's head.
  check_window(plan_code("b8 27 00 00 00 0f 05 48 3d 00 f0 ff ff 77 f8 c3", 5), 0, 7, 1, 0);
  // Nothing before it may move: refused, with the branch's target.
  check_refused(plan_code("90 0f 05 48 3d 00 f0 ff ff 77 f8 c3", 1), Refusal::branch_into_window, 3);
}

TEST_CASE("window: a branch onto the syscall forbids the preceding form and allows the following one") {
  check_refused(plan_code("b8 27 00 00 00 0f 05 c3 eb fb", 5), Refusal::branch_into_window, 5);
  check_window(plan_code("b8 27 00 00 00 0f 05 48 3d 00 f0 ff ff c3 eb f5", 5), 5, 8, 0, 1);
}

TEST_CASE("window: a branch onto the start of the window is allowed") {
  check_window(plan_code("b8 27 00 00 00 0f 05 c3 eb f6", 5), 0, 7, 1, 0);
}

TEST_CASE("window: an address calculation of the inside counts as a branch") {
  // lea of the syscall's address; jmp *%rax
  check_refused(plan_code("b8 27 00 00 00 0f 05 c3 48 8d 05 f6 ff ff ff ff e0", 5), Refusal::branch_into_window, 5);
}

TEST_CASE("window: a near branch of another function, at whatever offset, is seen") {
  ElfBuilder elf;
  elf.function(hex("b8 27 00 00 00 0f 05 c3"));
  elf.function(hex("0f 84 ef ff ff ff c3"));  // at 0x1010: je 0x1005
  check_refused(plan_in(elf, kText + 5), Refusal::branch_into_window, 5);
  ElfBuilder hidden;
  hidden.function(hex("b8 27 00 00 00 0f 05 c3"));
  hidden.function(hex("b8 e9 ef ff ff ff c3"));  // at 0x1011 inside mov's operand: jmp 0x1005
  check_refused(plan_in(hidden, kText + 5), Refusal::branch_into_window, 5);
}

TEST_CASE("window: a short branch of a neighbour is seen; bytes inside its instructions are cleared") {
  ElfBuilder branch;
  branch.function(hex("b8 27 00 00 00 0f 05 c3"));
  branch.function(hex("eb f3 c3"));  // at 0x1010: jmp 0x1005
  check_refused(plan_in(branch, kText + 5), Refusal::branch_into_window, 5);
  ElfBuilder operand;
  operand.function(hex("b8 27 00 00 00 0f 05 c3"));
  operand.function(hex("b8 eb f2 00 00 c3"));  // the same bytes as an operand
  check_window(plan_in(operand, kText + 5), 0, 7, 1, 0);
  ElfBuilder loose;
  loose.function(hex("b8 27 00 00 00 0f 05 c3"));
  loose.loose(hex("b8 eb f2 00 00 c3"));  // nobody knows what these are
  check_refused(plan_in(loose, kText + 5), Refusal::branch_into_window, 5);
}

TEST_CASE("window: a symbol or a relocated pointer into the window is an entry") {
  ElfBuilder symbol;
  symbol.function(hex("b8 27 00 00 00 0f 05 c3"));
  symbol.symbol(kText + 5, 0, STT_NOTYPE);
  check_refused(plan_in(symbol, kText + 5), Refusal::branch_into_window, 5);
  ElfBuilder pointer;
  pointer.function(hex("b8 27 00 00 00 0f 05 c3"));
  pointer.pointer_to(kText + 5);
  check_refused(plan_in(pointer, kText + 5), Refusal::branch_into_window, 5);
}

TEST_CASE("window: glibc's jump over a lock prefix is understood") {
  // je 1f; lock; 1: cmpxchg %ecx,(%rdx); mov; syscall; ret
  check_window(plan_code("74 01 f0 0f b1 0a b8 27 00 00 00 0f 05 c3", 11), 6, 7, 1, 0);
}

TEST_CASE("window: a function that cannot be decoded to its end proves nothing") {
  check_refused(plan_code("b8 27 00 00 00 0f 05 c3 06 90", 5), Refusal::unknown_instruction, 8);  // push %es
  check_refused(plan_code("b8 27 00 00 00 0f 05 c3 b8 00", 5), Refusal::unknown_instruction, 8);  // cut mov
  check_refused(plan_code("eb 02 b8 27 00 00 00 0f 05 c3", 7), Refusal::unknown_instruction, 4);  // into mov's operand
}

TEST_CASE("window: no function, and no site, are said to be so") {
  ElfBuilder elf;
  uint64_t loose = elf.loose(hex("b8 27 00 00 00 0f 05 c3"));
  check_refused(plan_in(elf, loose + 5), Refusal::function_unknown, 5);
  check_refused(plan_code("b8 27 00 00 00 0f 05 c3", 0), Refusal::not_a_site, 0);
  check_refused(plan_code("b8 0f 05 00 00 c3", 1), Refusal::not_a_site, 1);
  check_refused(plan_code("90 0f c7 4d 00 90 c3", 1), Refusal::not_a_site, 1);  // cmpxchg8b
}

TEST_CASE("window: what an earlier site may take, a later one leaves alone") {
  // syscall; mov $39,%eax; syscall; ret: both would like the mov
  check_window(plan_code("0f 05 b8 27 00 00 00 0f 05 c3", 0), 0, 7, 0, 1);
  check_refused(plan_code("0f 05 b8 27 00 00 00 0f 05 c3", 7), Refusal::not_relocatable, 9);
  // The first has enough with the compare: the mov is free.
  check_window(plan_code("0f 05 83 f8 00 b8 27 00 00 00 0f 05 c3", 10), 5, 7, 1, 0);
}

TEST_CASE("window: plan_window words a refusal") {
  ElfBuilder elf;
  elf.function(hex("0f 05 c3"));
  Code file = elf.build();
  auto module = Module::view(file);
  auto window = plan_window(*module, kText);
  REQUIRE(!window.ok());
  CHECK(window.error().code == ckpt::Code::unsupported);
  CHECK(window.error().message == "syscall at 1000: not_relocatable, see 1002");
  CHECK(window.error().where == kText + 2);
}

TEST_CASE("window: plan_all gives each site once and the same answer as the single question") {
  ElfBuilder elf;
  uint64_t first = elf.function(hex("b8 27 00 00 00 0f 05 c3"));
  elf.function(hex("b8 0f 05 00 00 c3"));  // bytes of a syscall in an operand: no site
  uint64_t second = elf.function(hex("48 0f c7 f0 73 fa 0f 31 48 c1 e2 20 c3"));
  uint64_t loose = elf.loose(hex("0f 05 c3"));
  Code file = elf.build();
  auto module = Module::view(file);
  auto plans = plan_all(*module);
  REQUIRE(plans.size() == 4);
  CHECK(plans[0].site == first + 5);
  CHECK(plans[1].site == second);
  CHECK(plans[2].site == second + 6);
  CHECK(plans[3].site == loose);
  CHECK(plans[3].refusal == Refusal::function_unknown);
  for (const Plan& plan : plans) CHECK(describe(plan) == describe(plan_site(*module, plan.site)));
}

}  // namespace ckpt::sites::test
