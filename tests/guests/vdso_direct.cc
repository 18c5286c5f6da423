// Entry: the program finds the vDSO by itself, through the auxiliary vector, and calls into it without libc.
#include <elf.h>
#include <sys/auxv.h>
#include <sys/time.h>

#include "tests/guests/check.h"

static const char* base;

// The vDSO's symbol table ends where its strings begin; it has no section headers to rely on.
static void* find(const char* wanted) {
  auto* header = reinterpret_cast<const Elf64_Ehdr*>(base);
  auto* segments = reinterpret_cast<const Elf64_Phdr*>(base + header->e_phoff);
  const Elf64_Dyn* dynamic = nullptr;
  for (int i = 0; i < header->e_phnum; i++)
    if (segments[i].p_type == PT_DYNAMIC) dynamic = reinterpret_cast<const Elf64_Dyn*>(base + segments[i].p_offset);
  CHECK(dynamic);
  const char *symbols = nullptr, *strings = nullptr;
  for (; dynamic->d_tag != DT_NULL; dynamic++) {
    if (dynamic->d_tag == DT_SYMTAB) symbols = base + dynamic->d_un.d_ptr;
    if (dynamic->d_tag == DT_STRTAB) strings = base + dynamic->d_un.d_ptr;
  }
  CHECK(symbols && strings);
  for (auto* s = symbols; s + sizeof(Elf64_Sym) <= strings; s += sizeof(Elf64_Sym)) {
    auto* symbol = reinterpret_cast<const Elf64_Sym*>(s);
    if (strcmp(strings + symbol->st_name, wanted) == 0) return const_cast<char*>(base) + symbol->st_value;
  }
  printf("no %s\n", wanted);
  return nullptr;
}

int main() {
  base = reinterpret_cast<const char*>(getauxval(AT_SYSINFO_EHDR));
  if (!base) {
    puts("no vDSO");
    return finish();
  }
  CHECK(memcmp(base, ELFMAG, SELFMAG) == 0);
  auto gettime = reinterpret_cast<long (*)(clockid_t, timespec*)>(find("__vdso_clock_gettime"));
  auto gettimeofday_direct = reinterpret_cast<long (*)(timeval*, void*)>(find("__vdso_gettimeofday"));
  auto time_direct = reinterpret_cast<time_t (*)(time_t*)>(find("__vdso_time"));
  auto getcpu_direct = reinterpret_cast<long (*)(unsigned*, unsigned*, void*)>(find("__vdso_getcpu"));
  CHECK(gettime && gettimeofday_direct);
  for (int i = 0; i < 1000; i++) {
    uint64_t before = now_ns();
    timespec now = {};
    CHECK(gettime(CLOCK_MONOTONIC, &now) == 0);
    uint64_t direct = uint64_t(now.tv_sec) * 1'000'000'000 + uint64_t(now.tv_nsec);
    CHECK(before <= direct && direct <= now_ns());
  }
  timeval day = {};
  CHECK(gettimeofday_direct(&day, nullptr) == 0);
  unsigned cpu = 0, node = 0;
  if (time_direct) CHECK(time_direct(nullptr) >= day.tv_sec - 1);
  if (getcpu_direct) CHECK(getcpu_direct(&cpu, &node, nullptr) == 0);
  printf("vDSO %p, time of day %ld.%06ld, cpu %u\n", static_cast<const void*>(base), day.tv_sec, day.tv_usec, cpu);
  return finish();
}
