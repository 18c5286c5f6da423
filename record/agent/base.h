// The agent's ground: kernel calls, memory helpers, atomics. Freestanding; general
// registers only. Included by every file of the agent, in recording and in replay.
//
// Everything here is async-signal-safe and allocates nothing.
#pragma once

#include <asm/unistd.h>
#include <stddef.h>
#include <stdint.h>

#include "record/agent/abi.h"

namespace ckpt::agent {

using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;
using u64 = uint64_t;
using i64 = int64_t;

// A kernel call from the agent's own code, which user dispatch lets through.
inline i64 raw_syscall(u64 number, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0, u64 e = 0, u64 f = 0) {
  i64 result;
  register u64 r10 asm("r10") = d;
  register u64 r8 asm("r8") = e;
  register u64 r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

inline bool failed(i64 result) { return static_cast<u64>(result) >= static_cast<u64>(-4095); }

// Kernel facts that the agent needs by number. Values are x86-64 Linux ABI.
inline constexpr i64 kEINTR = 4, kEAGAIN = 11, kENOMEM = 12, kEFAULT = 14, kEINVAL = 22, kENOTTY = 25, kENOSYS = 38,
                     kEBADF = 9, kETIMEDOUT = 110, kESRCH = 3, kEPERM = 1, kEDEADLK = 35, kERESTART = 512;

void copy_bytes(void* to, const void* from, u64 bytes);
void zero_bytes(void* to, u64 bytes);

// Copies between program memory and the agent's. Returns how many bytes were copied: fewer
// than asked if an address is not accessible. Uses a fixup in the fault handler.
extern "C" u64 ckpt_agent_copy(void* to, const void* from, u64 bytes);
template <class T>
inline bool read_program(u64 address, T* out) {
  return ckpt_agent_copy(out, reinterpret_cast<const void*>(address), sizeof(T)) == sizeof(T);
}
template <class T>
inline bool write_program(u64 address, const T& value) {
  return ckpt_agent_copy(reinterpret_cast<void*>(address), &value, sizeof(T)) == sizeof(T);
}
// Length of the text at `address` with its zero, at most `limit`; 0 if not readable.
u64 text_bytes(u64 address, u64 limit);

template <class T>
inline T load(const T& word) { return __atomic_load_n(&word, __ATOMIC_ACQUIRE); }
template <class T>
inline void store(T& word, T value) { __atomic_store_n(&word, value, __ATOMIC_RELEASE); }

inline constexpr u32 kFutexWait = 0, kFutexWake = 1;
// Not the private forms: some words are shared with the supervisor.
inline i64 futex_wait(u32* word, u32 expected, const void* timeout = nullptr) {
  return raw_syscall(__NR_futex, reinterpret_cast<u64>(word), kFutexWait, expected, reinterpret_cast<u64>(timeout));
}
inline void futex_wake(u32* word, u32 count = 1) {
  raw_syscall(__NR_futex, reinterpret_cast<u64>(word), kFutexWake, count);
}

struct Timespec {
  i64 seconds, nanoseconds;
};

// The start of the zone: the agent's text is linked there.
extern "C" const char ckpt_agent_blob[] __attribute__((visibility("hidden")));
inline u64 zone() { return reinterpret_cast<u64>(ckpt_agent_blob); }
inline abi::Control& control() { return *reinterpret_cast<abi::Control*>(zone() + abi::kSharedOffset); }
inline u8* exchange() { return reinterpret_cast<u8*>(zone() + abi::kExchangeOffset); }
inline bool in_zone(u64 address) { return address - zone() < abi::kZoneBytes; }

constexpr u64 round_up(u64 value, u64 unit) { return (value + unit - 1) & ~(unit - 1); }
constexpr u64 round_down(u64 value, u64 unit) { return value & ~(unit - 1); }

// Ends the program with a code in the shared page: a bug of ours was met.
[[noreturn]] void agent_failed(u32 line, u64 a = 0, u64 b = 0, u64 c = 0);
#define AGENT_ASSERT(condition, ...) \
  do {                               \
    if (!(condition)) ::ckpt::agent::agent_failed(__LINE__ __VA_OPT__(, ) __VA_ARGS__); \
  } while (0)

}  // namespace ckpt::agent
