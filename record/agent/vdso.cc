#include "record/agent/vdso.h"

#include "record/agent/params.h"
#include "record/agent/sites.h"
#include "record/sites/desc.h"

namespace ckpt::agent {

namespace {

// ELF, as far as needed.
struct ElfHeader {
  u8 ident[16];
  u16 type, machine;
  u32 version;
  u64 entry, program_headers, section_headers;
  u32 flags;
  u16 header_bytes, program_header_bytes, program_header_count, rest[3];
};
struct ProgramHeader {
  u32 type, flags;
  u64 offset, address, physical, file_bytes, memory_bytes, align;
};
struct Dynamic {
  u64 tag, value;
};
struct Symbol {
  u32 name;
  u8 info, other;
  u16 section;
  u64 value, bytes;
};

using VdsoFunction = i64 (*)(u64, u64);
VdsoFunction clock_gettime_function, gettimeofday_function, time_function, getcpu_function, getres_function;

bool same_text(const char* a, const char* b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

// The syscall a vDSO symbol stands for; 0: none; 1: a function to be answered with ENOSYS.
u64 syscall_of(const char* name) {
  if (same_text(name, "__vdso_clock_gettime")) return __NR_clock_gettime;
  if (same_text(name, "__vdso_gettimeofday")) return __NR_gettimeofday;
  if (same_text(name, "__vdso_time")) return __NR_time;
  if (same_text(name, "__vdso_getcpu")) return __NR_getcpu;
  if (same_text(name, "__vdso_clock_getres")) return __NR_clock_getres;
  if (same_text(name, "__vdso_getrandom")) return 1;
  return 0;
}

// Code that enters the agent as a patched syscall would: mov $nr,%eax; mov %rcx,%gs:0x10;
// lea desc(%rip),%rcx; jmp *slot(%rip). The tail is a `ret` behind it.
constexpr u32 kStubBytes = 5 + 9 + 7 + 6 + 1;

void put32(u8* at, i64 value) {
  for (int i = 0; i < 4; i++) at[i] = static_cast<u8>(value >> (8 * i));
}

void write_stub(u64 at, u64 number, sites::TrampolineDesc* desc, u64 slot) {
  u8* code = reinterpret_cast<u8*>(at);
  const u8 save[9] = {0x65, 0x48, 0x89, 0x0c, 0x25, 0x10, 0, 0, 0};
  code[0] = 0xb8;
  put32(code + 1, static_cast<i64>(number));
  copy_bytes(code + 5, save, 9);
  code[14] = 0x48;
  code[15] = 0x8d;
  code[16] = 0x0d;
  put32(code + 17, static_cast<i64>(reinterpret_cast<u64>(desc) - (at + 21)));
  code[21] = 0xff;
  code[22] = 0x25;
  put32(code + 23, static_cast<i64>(slot - (at + 27)));
  code[27] = 0xc3;
  desc->tail = at + 27;
  desc->site = at;
  desc->after_site = at + 27;
  desc->kind = 0;
  desc->operand = 0;
  desc->window_start = at;
}

void write_refusal(u64 at) {
  u8* code = reinterpret_cast<u8*>(at);  // mov $-ENOSYS,%rax; ret
  const u8 bytes[8] = {0x48, 0xc7, 0xc0, 0xda, 0xff, 0xff, 0xff, 0xc3};
  copy_bytes(code, bytes, 8);
}

bool move(u64 from, u64 to_offset, u64 bytes) {
  if (!bytes) return true;
  constexpr u64 kMayMove = 1, kFixed = 2;
  return !failed(
      raw_syscall(__NR_mremap, from, bytes, bytes, kMayMove | kFixed, zone() + abi::kVdsoOffset + to_offset));
}

void remember(u64 number, u64 function) {
  auto f = reinterpret_cast<VdsoFunction>(function);
  if (number == __NR_clock_gettime) clock_gettime_function = f;
  if (number == __NR_gettimeofday) gettimeofday_function = f;
  if (number == __NR_time) time_function = f;
  if (number == __NR_getcpu) getcpu_function = f;
  if (number == __NR_clock_getres) getres_function = f;
}

void patch_functions(u64 copy, u64 real, u64 page) {
  auto* elf = reinterpret_cast<const ElfHeader*>(real);
  const Dynamic* dynamic = nullptr;
  for (u32 i = 0; i < elf->program_header_count; i++) {
    auto* header = reinterpret_cast<const ProgramHeader*>(real + elf->program_headers + i * sizeof(ProgramHeader));
    if (header->type == 2) dynamic = reinterpret_cast<const Dynamic*>(real + header->offset);
  }
  u64 symbols = 0, names = 0;
  for (; dynamic && dynamic->tag; dynamic++) {
    if (dynamic->tag == 6) symbols = real + dynamic->value;
    if (dynamic->tag == 5) names = real + dynamic->value;
  }
  if (!symbols || names < symbols) return;
  u64 slot = page;
  *reinterpret_cast<u64*>(slot) = zone() + CKPT_BLOB_ENTRY;
  auto* desc = reinterpret_cast<sites::TrampolineDesc*>(page + 64);
  for (u64 s = symbols; s + sizeof(Symbol) <= names; s += sizeof(Symbol)) {
    auto* symbol = reinterpret_cast<const Symbol*>(s);
    u64 number = syscall_of(reinterpret_cast<const char*>(names + symbol->name));
    if (!number || !symbol->value) continue;
    if (number == 1) {
      write_refusal(copy + symbol->value);
    } else if (symbol->bytes >= kStubBytes) {
      write_stub(copy + symbol->value, number, desc++, slot);
      remember(number, real + symbol->value);
    }
  }
}

}  // namespace

bool move_vdso(const VdsoPlace& p) {
  if (!p.vdso_start || !p.data_start) return false;
  u64 clock = p.clock_start ? p.clock_start : p.vdso_start;
  u64 bytes = p.vdso_end - p.vdso_start;
  if (!move(p.data_start, 0, clock - p.data_start)) return false;
  if (!move(clock, clock - p.data_start, p.vdso_start - clock)) return false;
  if (!move(p.vdso_start, p.vdso_start - p.data_start, bytes)) return false;
  u64 real = zone() + abi::kVdsoOffset + (p.vdso_start - p.data_start);
  u64 page = p.vdso_start - 4096;
  constexpr u64 kPrivateFixedAnonymous = 2 | 0x10 | 0x20;
  i64 mapped = raw_syscall(__NR_mmap, page, bytes + 4096, 3, kPrivateFixedAnonymous, ~0ull, 0);
  AGENT_ASSERT(static_cast<u64>(mapped) == page, static_cast<u64>(mapped));
  copy_bytes(reinterpret_cast<void*>(p.vdso_start), reinterpret_cast<void*>(real), bytes);
  patch_functions(p.vdso_start, real, page);
  raw_syscall(__NR_mprotect, page, bytes + 4096, 5);
  return true;
}

bool ask_vdso(u64 number, const u64 args[6], i64* result) {
  // It reads the time stamp counter.
  if (control().trap_tsc) return false;
  // Into memory of ours: the program's may not be there.
  u64 first[2] = {}, second[1] = {};
  u64 to_first = args[0] ? reinterpret_cast<u64>(first) : 0, to_second = args[1] ? reinterpret_cast<u64>(second) : 0;
  auto give = [&](u64 address, const void* from, u64 bytes) {
    if (address && !failed(*result) && ckpt_agent_copy(reinterpret_cast<void*>(address), from, bytes) < bytes)
      *result = -kEFAULT;
  };
  switch (number) {
    case __NR_clock_gettime:
    case __NR_clock_getres: {
      VdsoFunction function = number == __NR_clock_gettime ? clock_gettime_function : getres_function;
      if (!function || !args[1]) return false;
      *result = function(args[0], reinterpret_cast<u64>(first));
      give(args[1], first, 16);
      return true;
    }
    case __NR_gettimeofday:
      if (!gettimeofday_function) return false;
      *result = gettimeofday_function(to_first, to_second);
      give(args[0], first, 16);
      give(args[1], second, 8);
      return true;
    case __NR_time:
      if (!time_function) return false;
      *result = time_function(to_first, 0);
      give(args[0], first, 8);
      return true;
    case __NR_getcpu:
      if (!getcpu_function) return false;
      *result = getcpu_function(to_first, to_second);
      give(args[0], first, 4);
      give(args[1], second, 4);
      return true;
    default:
      return false;
  }
}

}  // namespace ckpt::agent
