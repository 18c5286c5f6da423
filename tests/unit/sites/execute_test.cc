// Patched code, executed. A stand-in for the agent does what the real one must: perform the
// call, leave rcx and r11 as the kernel would, touch neither stack nor flags, resume at
// the tail. Each function runs as it was and patched; both must leave the same.
#include <asm/prctl.h>
#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "record/sites/trampoline.h"
#include "tests/unit/sites/elf_builder.h"

namespace ckpt::sites::test {

struct Registers {
  uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15, flags;
};

extern "C" void sites_test_call(void* function, Registers* registers);
extern "C" void sites_test_agent();

// What the stand-in uses, at the GS base.
struct Scratch {
  uint64_t unused[2];
  uint64_t rcx;  // kScratchRcxOffset
  uint64_t rbx;
  uint64_t tail;
  uint64_t desc;  // of the last site that entered
};
static_assert(offsetof(Scratch, rcx) == kScratchRcxOffset);

asm(R"(
  .text
  .globl sites_test_call
  .type sites_test_call, @function
sites_test_call:                  # loads all registers and flags, calls, stores them
  push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15
  push %rsi
  push %rdi
  mov %rsi, %r15
  pushq 120(%r15)
  popfq
  mov 0(%r15), %rax;  mov 8(%r15), %rbx;  mov 16(%r15), %rcx; mov 24(%r15), %rdx
  mov 32(%r15), %rsi; mov 40(%r15), %rdi; mov 48(%r15), %rbp; mov 56(%r15), %r8
  mov 64(%r15), %r9;  mov 72(%r15), %r10; mov 80(%r15), %r11; mov 88(%r15), %r12
  mov 96(%r15), %r13; mov 104(%r15), %r14; mov 112(%r15), %r15
  call *(%rsp)
  push %r15
  mov 16(%rsp), %r15
  mov %rax, 0(%r15);  mov %rbx, 8(%r15);  mov %rcx, 16(%r15); mov %rdx, 24(%r15)
  mov %rsi, 32(%r15); mov %rdi, 40(%r15); mov %rbp, 48(%r15); mov %r8, 56(%r15)
  mov %r9, 64(%r15);  mov %r10, 72(%r15); mov %r11, 80(%r15); mov %r12, 88(%r15)
  mov %r13, 96(%r15); mov %r14, 104(%r15)
  popq 112(%r15)
  pushfq
  popq 120(%r15)
  cld
  lea 16(%rsp), %rsp
  pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx
  ret
  .size sites_test_call, . - sites_test_call

  .globl sites_test_agent
  .type sites_test_agent, @function
sites_test_agent:                 # %rcx: the TrampolineDesc
  mov %rbx, %gs:0x18
  mov %rcx, %gs:0x28
  mov %rcx, %rbx
  mov 0(%rbx), %rcx
  mov %rcx, %gs:0x20
  mov 24(%rbx), %ecx
  lea -1(%rcx), %ecx              # without flags: rdtsc has kind 1
  jrcxz 1f
  syscall
  mov 16(%rbx), %rcx              # the kernel leaves the address behind the syscall
  mov %gs:0x18, %rbx
  jmp *%gs:0x20
1:mov $0x11223344, %eax
  mov $0x55667788, %edx
  mov %gs:0x10, %rcx              # rdtsc leaves rcx alone
  mov %gs:0x18, %rbx
  jmp *%gs:0x20
  .size sites_test_agent, . - sites_test_agent
)");

// One page of code, one of trampolines, made for one function.
class Patchable final {
 public:
  explicit Patchable(const char* digits, uint64_t site) {
    memory_ = static_cast<uint8_t*>(
        ::mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    REQUIRE(memory_ != MAP_FAILED);
    Code code = hex(digits);
    std::memcpy(memory_, code.data(), code.size());
    ElfBuilder elf;
    elf.function(code);
    Code file = elf.build();
    auto module = Module::view(file);
    auto window = plan_window(*module, kText + site);
    REQUIRE(window.ok());
    window_ = std::move(window).value();
    REQUIRE(::syscall(SYS_arch_prctl, ARCH_GET_GS, &old_gs_) == 0);
    REQUIRE(::syscall(SYS_arch_prctl, ARCH_SET_GS, &scratch_) == 0);
  }
  Patchable(const Patchable&) = delete;
  ~Patchable() {
    ::syscall(SYS_arch_prctl, ARCH_SET_GS, old_gs_);
    ::munmap(memory_, 2 * kPage);
  }

  void patch() {
    uint8_t* slot = memory_ + kPage;
    auto entry = &sites_test_agent;
    std::memcpy(slot, &entry, sizeof entry);
    auto built =
        build_trampoline(window_, address(memory_) + (window_.start - kText), address(slot) + 8, address(slot));
    REQUIRE(built.ok());
    trampoline_ = std::move(built).value();
    std::memcpy(slot + 8, trampoline_.code.data(), trampoline_.code.size());
    std::memcpy(memory_ + (window_.start - kText), trampoline_.patch.data(), trampoline_.patch.size());
  }

  Registers call(Registers registers) {
    sites_test_call(memory_, &registers);
    return registers;
  }

  // The address of the site that entered the agent last, from the function's start.
  uint64_t entered_from() const {
    if (scratch_.desc == 0) return UINT64_MAX;
    return reinterpret_cast<const TrampolineDesc*>(scratch_.desc)->site - address(memory_);
  }

 private:
  static constexpr size_t kPage = 4096;
  static uint64_t address(const uint8_t* at) { return reinterpret_cast<uint64_t>(at); }

  uint8_t* memory_;
  Window window_;
  Trampoline trampoline_;
  uint64_t old_gs_ = 0;
  Scratch scratch_{};
};

// Carry, parity, adjust, zero, sign, direction and overflow.
static constexpr uint64_t kFlags = 0x8d5 | 0x400;

static Registers some_registers() {
  return {.rax = 39,
          .rbx = 2,
          .rcx = 3,
          .rdx = 4,
          .rsi = 5,
          .rdi = 6,
          .rbp = 7,
          .r8 = 8,
          .r9 = 9,
          .r10 = 10,
          .r11 = 11,
          .r12 = 12,
          .r13 = 13,
          .r14 = 14,
          .r15 = 15,
          .flags = kFlags | 0x202};
}

// Runs the function as it was, then patched, and compares all that is left.
static Registers run_both(const char* digits, uint64_t site) {
  Patchable code(digits, site);
  Registers plain = code.call(some_registers());
  CHECK(code.entered_from() == UINT64_MAX);
  code.patch();
  Registers patched = code.call(some_registers());
  CHECK(code.entered_from() == site);
  const auto* was = reinterpret_cast<const uint64_t*>(&plain);
  const auto* is = reinterpret_cast<const uint64_t*>(&patched);
  for (size_t i = 0; i < sizeof plain / 8; i++) {
    CAPTURE(i);
    CHECK(is[i] == was[i]);
  }
  return patched;
}

TEST_CASE("execute: mov; syscall; ret leaves every register and flag as the kernel does") {
  Registers left = run_both("b8 27 00 00 00 0f 05 c3", 5);
  CHECK(left.rax == static_cast<uint64_t>(::getpid()));
  CHECK((left.flags & kFlags) == kFlags);
}

TEST_CASE("execute: syscall; cmp; a branch behind the window") {
  // syscall; cmp $-4096,%rax; jae 1f; mov $7,%edx; 1: ret
  Registers left = run_both("0f 05 48 3d 00 f0 ff ff 73 05 ba 07 00 00 00 c3", 0);
  CHECK(left.rax == static_cast<uint64_t>(::getpid()));
  CHECK(left.rdx == 7);
}

TEST_CASE("execute: a moved branch goes both ways") {
  // syscall; test %eax,%eax; js 1f; mov $7,%edx; 1: ret
  CHECK(run_both("0f 05 85 c0 78 05 ba 07 00 00 00 c3", 0).rdx == 7);
  // syscall; test %eax,%eax; jns 1f; mov $7,%edx; 1: ret
  CHECK(run_both("0f 05 85 c0 79 05 ba 07 00 00 00 c3", 0).rdx == 4);
}

TEST_CASE("execute: a moved return and a moved jump") {
  CHECK(run_both("89 c3 0f 05 c3", 2).rbx == 39);  // mov %eax,%ebx; syscall; ret
  CHECK(run_both("0f 05 89 c2 eb 02 0f 0b c3", 0).rdx == static_cast<uint64_t>(::getpid()));
}

TEST_CASE("execute: a moved rip-relative load reads what it read") {
  // syscall; mov 1(%rip),%rdx; ret; the constant
  Registers left = run_both("0f 05 48 8b 15 01 00 00 00 c3 90 90 90 90 90 90 90 90", 0);
  CHECK(left.rdx == 0x9090909090909090);
  // lea -0x107(%rip),%rdx; syscall; ret: 0x100 before the function
  CHECK(run_both("48 8d 15 f9 fe ff ff 0f 05 c3", 7).rdx % 4096 == 4096 - 0x100);
}

TEST_CASE("execute: the red zone is not touched") {
  // mov %rdi,-8(%rsp); mov %rsi,-128(%rsp); mov $39,%eax; syscall; mov -8(%rsp),%rdx; mov -128(%rsp),%r8; ret
  Registers left = run_both("48 89 7c 24 f8 48 89 74 24 80 b8 27 00 00 00 0f 05 48 8b 54 24 f8 4c 8b 44 24 80 c3", 15);
  CHECK(left.rdx == 6);
  CHECK(left.r8 == 5);
}

TEST_CASE("execute: rdtsc gets its answer from the agent and keeps rcx") {
  Patchable code("0f 31 48 c1 e2 20 48 09 d0 c3", 0);  // rdtsc; shl $32,%rdx; or %rdx,%rax; ret
  code.patch();
  Registers left = code.call(some_registers());
  CHECK(left.rax == 0x5566778811223344);
  CHECK(left.rcx == 3);
  CHECK(left.r11 == 11);
}

}  // namespace ckpt::sites::test
