// The shim: preloaded into the program, part of its memory image, and nothing but a way to
// the agent. It maps the agent's blob into the zone, hands over, and afterwards counts
// interposed calls, at which the agent may change tasks. Freestanding: it runs before libc
// is ready.
#include <asm/unistd.h>
#include <stddef.h>
#include <stdint.h>

#include "record/agent/params.h"

#define HIDDEN __attribute__((visibility("hidden")))

static const volatile uint32_t kNotEnabled = 1;
extern HIDDEN const char ckpt_shim_points[];
HIDDEN struct ShimTable ckpt_shim_table = {CKPT_SHIM_VERSION, 0, 0, 0, &kNotEnabled, ckpt_shim_points};

static long call6(long nr, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
}

static const char* find(char** environment, const char* name) {
  for (; *environment; environment++) {
    const char *at = *environment, *n = name;
    while (*n && *at == *n) at++, n++;
    if (!*n && *at == '=') return at + 1;
  }
  return NULL;
}

static const char* number(const char* at, uint64_t* value) {
  *value = 0;
  while (*at >= '0' && *at <= '9') *value = *value * 10 + (uint64_t)(*at++ - '0');
  return *at == ',' ? at + 1 : at;
}

enum { kRead = 1, kWrite = 2, kExec = 4, kShared = 1, kPrivate = 2, kFixed = 16, kAnonymous = 32, kNoReserve = 0x4000, kFixedNoReplace = 0x100000 };

static int map_at(uint64_t at, uint64_t bytes, int protection, int flags, int fd, uint64_t offset) {
  return call6(__NR_mmap, (long)at, (long)bytes, protection, flags, fd, (long)offset) == (long)at;
}

// CKPT_SESSION=blob descriptor, shared descriptor, zone, tasks offset, tasks bytes, shared
// offset, control bytes, exchange bytes, ring bytes, zone bytes
struct Session {
  uint64_t blob, memory, zone, tasks, tasks_bytes, shared, control_bytes, exchange_bytes, ring_bytes, zone_bytes, scratch, scratch_bytes;
};

static int map_zone(const struct Session* s) {
  struct BlobHeader header;
  if (call6(__NR_pread64, (long)s->blob, (long)&header, sizeof header, 0, 0, 0) != sizeof header) return 0;
  if (header.magic != CKPT_BLOB_MAGIC) return 0;
  uint64_t zone = s->zone, data = header.file_bytes - header.text_bytes, up = 4095;
  if (!map_at(zone, s->zone_bytes, 0, kPrivate | kAnonymous | kNoReserve | kFixedNoReplace, -1, 0)) return 0;
  int ok = map_at(zone, header.text_bytes, kRead | kExec, kPrivate | kFixed, (int)s->blob, 0);
  ok &= map_at(zone + header.text_bytes, (header.memory_bytes - header.text_bytes + up) & ~up, kRead | kWrite, kPrivate | kAnonymous | kFixed, -1, 0);
  if (data) ok &= call6(__NR_pread64, (long)s->blob, (long)(zone + header.text_bytes), (long)data, (long)header.text_bytes, 0, 0) == (long)data;
  uint64_t first = s->control_bytes + s->exchange_bytes + s->ring_bytes;
  ok &= map_at(zone + s->shared, first, kRead | kWrite, kShared | kFixed, (int)s->memory, 0);
  ok &= map_at(zone + s->shared + first, s->ring_bytes, kRead | kWrite, kShared | kFixed, (int)s->memory, s->control_bytes + s->exchange_bytes);
  ok &= map_at(zone + s->tasks, s->tasks_bytes, kRead | kWrite, kPrivate | kAnonymous | kFixed | kNoReserve, -1, 0);
  ok &= map_at(zone + s->scratch, s->scratch_bytes, kRead | kWrite, kPrivate | kAnonymous | kFixed | kNoReserve, -1, 0);
  return ok;
}

// ---- Points (points.S) -----------------------------------------------------------------
#define NEXT_AFTER_US ((void*)-1l)
extern void* dlsym(void* handle, const char* name) __attribute__((weak));
extern char* dlerror(void) __attribute__((weak));

static const char kNames[][24] = {
#define INTERPOSED(name, arguments) #name,
#include "trace/model/interposed.inc"
#undef INTERPOSED
};
extern HIDDEN void* ckpt_shim_next[];

// dlsym frees what an earlier failure left, and that must not ask dlsym where free is: so all are
// looked for at once, while there is no failure yet.
static void find_next_definitions(void) {
  if (!dlsym) return;
  for (size_t i = 0; i < sizeof kNames / sizeof *kNames; i++) {
    void* next = dlsym(NEXT_AFTER_US, kNames[i]);
    if (next) ckpt_shim_next[i] = next;
  }
  if (dlerror) dlerror();  // a program need not have them all
}

// Runs before every other initialiser (-z initfirst).
__attribute__((constructor)) static void ckpt_shim_start(int argc, char** argv, char** environment) {
  (void)argc, (void)argv;
  find_next_definitions();
  const char* text = find(environment, "CKPT_SESSION");
  if (!text) return;  // preloaded by hand: nothing to do
  struct Session s;
  uint64_t* fields = (uint64_t*)&s;
  for (size_t i = 0; i < sizeof s / sizeof *fields; i++) text = number(text, &fields[i]);
  if (!map_zone(&s)) call6(__NR_exit_group, 125, 0, 0, 0, 0, 0);
  call6(__NR_close, (long)s.blob, 0, 0, 0, 0, 0);
  call6(__NR_close, (long)s.memory, 0, 0, 0, 0, 0);
  struct ShimParams params = {CKPT_SHIM_VERSION, &ckpt_shim_table, environment, s.zone};
  ((void (*)(struct ShimParams*))(s.zone + CKPT_BLOB_START))(&params);
}

// std::random_device asks the CPU, which no log could see: give it the agent's numbers.
unsigned ckpt_shim_random(void* self) __asm__("_ZNSt13random_device9_M_getvalEv");
__attribute__((visibility("default"))) unsigned ckpt_shim_random(void* self) {
  (void)self;
  if (ckpt_shim_table.enabled) return ((uint32_t (*)(void))ckpt_shim_table.random)();
  unsigned value = 0;
  call6(__NR_getrandom, (long)&value, sizeof value, 0, 0, 0, 0);
  return value;
}

HIDDEN void ckpt_shim_resolve(unsigned index) {
  void* next = dlsym ? dlsym(NEXT_AFTER_US, kNames[index]) : NULL;
  if (!next) call6(__NR_exit_group, 125, 0, 0, 0, 0, 0);
  ckpt_shim_next[index] = next;
}
