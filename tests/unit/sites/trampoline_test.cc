#include "record/sites/trampoline.h"

#include <doctest/doctest.h>

#include <cstring>

#include "tests/unit/sites/elf_builder.h"

namespace ckpt::sites::test {

static constexpr uint64_t kRuntime = 0x7f0000001000;  // where the function is mapped
static constexpr uint64_t kTrampoline = 0x7f0000010000;
static constexpr uint64_t kSlot = 0x7f000000fff8;

static Window window_of(const char* digits, uint64_t offset) {
  ElfBuilder elf;
  elf.function(hex(digits));
  Code file = elf.build();
  auto module = Module::view(file);
  auto window = plan_window(*module, kText + offset);
  REQUIRE(window.ok());
  return std::move(window).value();
}

static Trampoline build(const Window& window) {
  auto built = build_trampoline(window, kRuntime + (window.start - kText), kTrampoline, kSlot);
  REQUIRE(built.ok());
  return std::move(built).value();
}

static TrampolineDesc desc_of(const Trampoline& trampoline) {
  TrampolineDesc desc;
  REQUIRE(trampoline.code.size() == trampoline.desc_offset + sizeof desc);
  std::memcpy(&desc, trampoline.code.data() + trampoline.desc_offset, sizeof desc);
  return desc;
}

static Code code_of(const Trampoline& trampoline) {
  return Code(trampoline.code.begin(), trampoline.code.begin() + trampoline.desc_offset);
}

TEST_CASE("trampoline: syscall; cmp, before and after") {
  Trampoline trampoline = build(window_of("b8 27 00 00 00 0f 05 48 3d 00 f0 ff ff c3", 5));
  CHECK(trampoline.patch == hex("e9 f6 ef 00 00 cc cc cc"));
  CHECK(code_of(trampoline) == hex("65 48 89 0c 25 10 00 00 00 "  // mov %rcx,%gs:0x10
                                   "48 8d 0d 18 00 00 00 "        // lea desc(%rip),%rcx
                                   "ff 25 e2 ff ff ff "           // jmp *slot(%rip)
                                   "48 3d 00 f0 ff ff "           // tail: cmp $-4096,%rax
                                   "e9 ec 0f ff ff "              // jmp behind the window
                                   "cc cc cc cc cc cc cc"));
  CHECK(trampoline.tail_offset == 22);
}

TEST_CASE("trampoline: mov; syscall, before and after") {
  Trampoline trampoline = build(window_of("b8 27 00 00 00 0f 05 c3", 5));
  CHECK(trampoline.patch == hex("e9 fb ef 00 00 cc cc"));
  CHECK(code_of(trampoline) == hex("b8 27 00 00 00 "
                                   "65 48 89 0c 25 10 00 00 00 "
                                   "48 8d 0d 0b 00 00 00 "
                                   "ff 25 dd ff ff ff "
                                   "e9 e7 0f ff ff"));
}

TEST_CASE("trampoline: a moved return needs no jump back") {
  Trampoline trampoline = build(window_of("31 c0 0f 05 c3", 2));
  CHECK(trampoline.patch == hex("e9 fb ef 00 00"));
  CHECK(code_of(trampoline) == hex("31 c0 "
                                   "65 48 89 0c 25 10 00 00 00 "
                                   "48 8d 0d 0e 00 00 00 "
                                   "ff 25 e0 ff ff ff "
                                   "c3 cc cc cc cc cc cc cc"));
}

TEST_CASE("trampoline: a short branch becomes a near one to the same place") {
  Trampoline trampoline = build(window_of("0f 05 85 c0 78 01 c3 c3", 0));
  Code code = code_of(trampoline);
  Code tail(code.begin() + trampoline.tail_offset, code.begin() + trampoline.tail_offset + 13);
  CHECK(tail == hex("85 c0 "
                    "0f 88 e9 0f ff ff "  // at +0x18: js 0x7f0000001007
                    "e9 e3 0f ff ff"));
}

TEST_CASE("trampoline: a jump becomes a near one and ends the tail") {
  Trampoline trampoline = build(window_of("0f 05 89 c2 eb 01 90 c3", 0));
  Code code = code_of(trampoline);
  Code tail(code.begin() + trampoline.tail_offset, code.begin() + trampoline.tail_offset + 8);
  CHECK(tail == hex("89 c2 e9 ea 0f ff ff cc"));
}

TEST_CASE("trampoline: a rip-relative operand still points where it did") {
  Trampoline trampoline = build(window_of("0f 05 48 8b 0d 10 20 00 00 c3", 0));
  Code code = code_of(trampoline);
  Code tail(code.begin() + trampoline.tail_offset, code.begin() + trampoline.tail_offset + 7);
  CHECK(tail == hex("48 8b 0d fc 2f ff ff"));  // 0x7f0000003019 from 0x7f000001001d
  Trampoline immediate = build(window_of("0f 05 c7 05 10 20 00 00 01 00 00 00 c3", 0));
  code = code_of(immediate);
  tail.assign(code.begin() + immediate.tail_offset, code.begin() + immediate.tail_offset + 10);
  CHECK(tail == hex("c7 05 fc 2f ff ff 01 00 00 00"));
}

TEST_CASE("trampoline: the description names the site in the tracee's addresses") {
  TrampolineDesc desc = desc_of(build(window_of("b8 27 00 00 00 0f 05 c3", 5)));
  CHECK(desc.site == kRuntime + 5);
  CHECK(desc.after_site == kRuntime + 7);
  CHECK(desc.tail == kTrampoline + 27);
  CHECK(desc.kind == 0);
  CHECK(desc.operand == 0);
  CHECK(desc.window_start == kRuntime);
  CHECK(desc.window_bytes == 7);
  CHECK(desc.patched_original_len == 7);
  CHECK(Code(desc.original, desc.original + 7) == hex("b8 27 00 00 00 0f 05"));
  TrampolineDesc random = desc_of(build(window_of("41 0f c7 fb 0f 92 c1 c3", 0)));
  CHECK(random.kind == 4);
  CHECK(random.operand == (11u | 4u << 8));
  CHECK(random.after_site == kRuntime + 4);
}

TEST_CASE("trampoline: each boundary inside the window has a place to go on") {
  Trampoline before = build(window_of("b8 27 00 00 00 0f 05 c3", 5));
  REQUIRE(before.redirects.size() == 1);
  CHECK(before.redirects[0].from == kRuntime + 5);  // the syscall: about to enter the agent
  CHECK(before.redirects[0].to == kTrampoline + 5);
  Trampoline after = build(window_of("0f 05 89 c2 85 d2 c3", 0));
  REQUIRE(after.redirects.size() == 2);
  CHECK(after.redirects[0].from == kRuntime + 2);
  CHECK(after.redirects[0].to == kTrampoline + after.tail_offset);
  CHECK(after.redirects[1].from == kRuntime + 4);
  CHECK(after.redirects[1].to == kTrampoline + after.tail_offset + 2);
}

TEST_CASE("trampoline: the description is aligned wherever the trampoline begins") {
  Window window = window_of("b8 27 00 00 00 0f 05 c3", 5);
  for (uint64_t shift = 0; shift < 16; shift++) {
    auto built = build_trampoline(window, kRuntime, kTrampoline + shift, kSlot);
    REQUIRE(built.ok());
    CHECK((kTrampoline + shift + built->desc_offset) % 8 == 0);
    CHECK(desc_of(*built).tail == kTrampoline + shift + built->tail_offset);
    CHECK(built->code.size() <= kMaxTrampolineBytes);
  }
}

TEST_CASE("trampoline: what a rel32 cannot reach is a limit") {
  Window window = window_of("0f 05 48 8b 0d 10 20 00 00 c3", 0);
  constexpr uint64_t kFar = 1ull << 31;
  CHECK(build_trampoline(window, kRuntime, kRuntime + kFar - 0x1000, kRuntime + kFar).ok());
  auto far = build_trampoline(window, kRuntime, kRuntime + kFar + 0x4000, kRuntime + kFar);
  REQUIRE(!far.ok());
  CHECK(far.error().code == ckpt::Code::limit);
  auto slot = build_trampoline(window, kRuntime, kTrampoline, kTrampoline + kFar + 0x1000);
  REQUIRE(!slot.ok());
  CHECK(slot.error().code == ckpt::Code::limit);
  CHECK(slot.error().where == kTrampoline + kFar + 0x1000);
  Window operand = window_of("0f 05 48 8b 0d f0 ff ff 7f c3", 0);  // 2 GiB ahead already
  auto behind = build_trampoline(operand, kRuntime, kRuntime - 0x10000, kRuntime);
  REQUIRE(!behind.ok());
  CHECK(behind.error().where == kRuntime + 9 + 0x7ffffff0);
}

}  // namespace ckpt::sites::test
