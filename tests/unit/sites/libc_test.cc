// The libc this test runs on, with whatever its compiler made of it.
#include <Zydis/Zydis.h>
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <unistd.h>

#include <map>
#include <string>

#include "record/sites/candidates.h"
#include "record/sites/trampoline.h"
#include "record/sites/window.h"

namespace ckpt::sites::test {

static Module open_libc() {
  Dl_info info;
  REQUIRE(::dladdr(reinterpret_cast<void*>(&::getpid), &info) != 0);
  auto module = Module::open(info.dli_fname);
  REQUIRE(module.ok());
  return std::move(module).value();
}

TEST_CASE("libc: at least 400 syscall sites have a window") {
  Module libc = open_libc();
  std::map<std::string, int> counts;
  for (const Plan& plan : plan_all(libc)) {
    if (plan.kind != SiteKind::syscall) continue;
    counts[plan.window ? "window" : name_of(plan.refusal)]++;
  }
  for (const auto& [what, count] : counts) MESSAGE(what << ": " << count);
  CHECK(counts["window"] >= 400);
}

TEST_CASE("libc: a single question has the answer that plan_all gives") {
  Module libc = open_libc();
  for (const Plan& plan : plan_all(libc)) {
    Plan single = plan_site(libc, plan.site);
    CHECK(describe(single) == describe(plan));
    if (plan.window) CHECK(single.window->original == plan.window->original);
  }
}

TEST_CASE("libc: windows do not meet") {
  Module libc = open_libc();
  uint64_t end = 0;
  for (const Plan& plan : plan_all(libc)) {
    if (!plan.window) continue;
    CHECK(plan.window->start >= end);
    end = plan.window->end();
  }
}

TEST_CASE("libc: no rdtsc, rdrand or rdseed is unaccounted for") {
  Module libc = open_libc();
  auto candidates = scan_candidates(libc);
  REQUIRE(candidates.ok());
  for (const Candidate& candidate : *candidates) CHECK(candidate.standing != Standing::unknown);
}

struct Decoded {
  ZydisMnemonic mnemonic;
  uint64_t length;
  uint64_t target;  // absolute, of a branch or rip-relative operand; else 0
};

static Decoded decode_at(const uint8_t* bytes, size_t room, uint64_t address) {
  ZydisDecoder decoder;
  ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  ZydisDecodedInstruction instruction;
  ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
  REQUIRE(ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, room, &instruction, operands)));
  Decoded decoded{instruction.mnemonic, instruction.length, 0};
  for (uint8_t i = 0; i < instruction.operand_count_visible && (instruction.attributes & ZYDIS_ATTRIB_IS_RELATIVE);
       i++) {
    ZyanU64 target;
    if (ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&instruction, &operands[i], address, &target))) decoded.target = target;
  }
  return decoded;
}

// The instructions of `list`, met at `offset` of the trampoline, mean what they meant.
static void check_moved(const Window& window, const std::vector<MovedInstruction>& list, const Trampoline& trampoline,
                        uint64_t base, uint64_t bias, size_t offset) {
  for (const MovedInstruction& moved : list) {
    const uint8_t* old_bytes = window.original.data() + moved.offset;
    Decoded was = decode_at(old_bytes, moved.length, window.start + moved.offset + bias);
    Decoded is = decode_at(trampoline.code.data() + offset, trampoline.code.size() - offset, base + offset);
    CHECK(is.mnemonic == was.mnemonic);
    CHECK(is.target == was.target);
    offset += is.length;
  }
}

TEST_CASE("libc: every trampoline decodes to what was moved, with the same targets") {
  Module libc = open_libc();
  constexpr uint64_t kBias = 0x7f1234000000, kBase = kBias - 0x40000000, kSlot = kBase - 8;
  for (const Plan& plan : plan_all(libc)) {
    if (!plan.window) continue;
    const Window& window = *plan.window;
    CAPTURE(describe(plan));
    auto built = build_trampoline(window, window.start + kBias, kBase, kSlot);
    REQUIRE(built.ok());
    check_moved(window, window.before, *built, kBase, kBias, 0);
    check_moved(window, window.after, *built, kBase, kBias, built->tail_offset);
    CHECK(decode_at(built->patch.data(), built->patch.size(), window.start + kBias).target == kBase);
    CHECK(built->patch.size() == window.bytes);
    CHECK(built->redirects.size() == window.before.size() + window.after.size());
  }
}

}  // namespace ckpt::sites::test
