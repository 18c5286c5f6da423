// The calls that are many calls: what one argument picks, as rows. Freestanding.
//
// sub_row(nr, args) finds the row of an ioctl request, a prctl option and so on. It is the
// whole truth for that operation: its verdict and accesses stand instead of the syscall's.
// Without a row, missing_errno(nr) is the answer, reported once; 0 means that the syscall's
// own row applies (socket options).
#pragma once

#include "trace/model/builder.h"
#include "trace/model/numbers.h"

// Hidden, so that position-independent code gets here without the global offset table.
#pragma GCC visibility push(hidden)

namespace ckpt::model {

inline constexpr int kMaxSubAccesses = 2;

struct SubRow {
  uint32_t key;
  Replay replay;
  Wait wait;             // never or always
  uint8_t refuse_errno;  // as it is; never 0 in a refusal
  uint8_t agent;         // 1: the agent has to do or see it; prctls.inc and its like say why
  uint8_t accesses;
  Access access[kMaxSubAccesses];
};

enum class FutexKind : uint8_t {
  unknown,  // ENOSYS
  wait,     // sleeps while *word == value
  wake,
  requeue,
  cmp_requeue,
  wake_op,
  lock_pi,
  trylock_pi,
  unlock_pi,  // the kernel writes the word
  wait_requeue_pi,
  cmp_requeue_pi,
};
enum class FutexTime : uint8_t {
  none,      // argument 3 is a count, or nothing
  relative,  // by CLOCK_MONOTONIC
  absolute,  // by CLOCK_MONOTONIC, or CLOCK_REALTIME with the flag; FUTEX_LOCK_PI always the latter
};
struct FutexRow {
  FutexKind kind;
  FutexTime time;
  bool second_word;  // argument 4 is a futex too
};
inline constexpr uint32_t kFutexFlags = 128 | 256;  // PRIVATE, CLOCK_REALTIME

namespace rows {

struct ByAgent {};
inline constexpr ByAgent by_agent{};
constexpr void add(SubRow& row, ByAgent) {
  row.agent = 1;
}

template <class... Items>
constexpr SubRow sub(uint32_t key, Verdict verdict, Items... items) {
  SubRow made{};
  made.key = key;
  made.replay = verdict.replay;
  made.refuse_errno = verdict.replay == Replay::refuse && verdict.refuse_errno == 0 ? ENOSYS : verdict.refuse_errno;
  (add(made, items), ...);
  return made;
}

constexpr uint32_t pair_key(uint32_t first, uint32_t second) {
  return first << 16 | second;
}

template <int kCount>
struct SubTable {
  SubRow rows[kCount];
};

// Sorted by key, for the search. A table with a key twice does not compile.
template <int kCount>
constexpr SubTable<kCount> sorted(const SubRow (&given)[kCount]) {
  SubTable<kCount> made{};
  for (int filled = 0; filled < kCount; ++filled) {
    int place = filled;
    for (; place > 0 && made.rows[place - 1].key > given[filled].key; --place) made.rows[place] = made.rows[place - 1];
    made.rows[place] = given[filled];
  }
  return made;
}

template <int kCount>
constexpr bool keys_are_unique(const SubTable<kCount>& table) {
  for (int i = 1; i < kCount; ++i)
    if (table.rows[i - 1].key == table.rows[i].key) return false;
  return true;
}

template <int kCount>
constexpr const SubRow* find(const SubTable<kCount>& table, uint32_t key) {
  int low = 0;
  int high = kCount;
  while (low < high) {
    int middle = (low + high) / 2;
    if (table.rows[middle].key < key)
      low = middle + 1;
    else
      high = middle;
  }
  return low < kCount && table.rows[low].key == key ? &table.rows[low] : nullptr;
}

inline constexpr SubRow kIoctlsGiven[] = {
#define IOCTL(number, name, type, verdict, ...) sub(number, verdict __VA_OPT__(, ) __VA_ARGS__),
#include "trace/model/ioctls.inc"
#undef IOCTL
};
inline constexpr SubRow kFcntlsGiven[] = {
#define FCNTL(number, name, type, verdict, ...) sub(number, verdict __VA_OPT__(, ) __VA_ARGS__),
#include "trace/model/fcntls.inc"
#undef FCNTL
};
inline constexpr SubRow kPrctlsGiven[] = {
#define PRCTL(number, name, type, verdict, ...) sub(number, verdict __VA_OPT__(, ) __VA_ARGS__),
#include "trace/model/prctls.inc"
#undef PRCTL
};
inline constexpr SubRow kArchPrctlsGiven[] = {
#define ARCH_PRCTL(number, name, type, verdict, ...) sub(number, verdict __VA_OPT__(, ) __VA_ARGS__),
#include "trace/model/arch_prctls.inc"
#undef ARCH_PRCTL
};
inline constexpr SubRow kIpcsGiven[] = {
#define IPC(call, number, name, type, verdict, ...) \
  sub(pair_key(__NR_##call, number), verdict __VA_OPT__(, ) __VA_ARGS__),
#include "trace/model/ipcs.inc"
#undef IPC
};
inline constexpr SubRow kKeyctlsGiven[] = {
#define KEYCTL(number, name, type, verdict, ...) sub(number, verdict __VA_OPT__(, ) __VA_ARGS__),
#include "trace/model/keyctls.inc"
#undef KEYCTL
};
// Levels are below 32768, so the top bit is free to tell the calls apart.
inline constexpr uint32_t kSetOption = 1u << 31;
constexpr uint32_t option_key(uint32_t nr, uint32_t level, uint32_t option) {
  return pair_key(level, option) | (nr == __NR_setsockopt ? kSetOption : 0);
}
inline constexpr SubRow kSockoptsGiven[] = {
#define SOCKOPT(call, level, number, name, verdict, ...) \
  sub(option_key(__NR_##call, level, number), verdict __VA_OPT__(, ) __VA_ARGS__),
#include "trace/model/sockopts.inc"
#undef SOCKOPT
};

}  // namespace rows

inline constexpr auto kIoctls = rows::sorted(rows::kIoctlsGiven);
inline constexpr auto kFcntls = rows::sorted(rows::kFcntlsGiven);
inline constexpr auto kPrctls = rows::sorted(rows::kPrctlsGiven);
inline constexpr auto kArchPrctls = rows::sorted(rows::kArchPrctlsGiven);
inline constexpr auto kIpcs = rows::sorted(rows::kIpcsGiven);
inline constexpr auto kKeyctls = rows::sorted(rows::kKeyctlsGiven);
inline constexpr auto kSockopts = rows::sorted(rows::kSockoptsGiven);
inline constexpr FutexRow kFutexes[] = {
#define FUTEX(number, name, kind, time, second) {FutexKind::kind, FutexTime::time, second},
#include "trace/model/futexes.inc"
#undef FUTEX
};

static_assert(rows::keys_are_unique(kIoctls) && rows::keys_are_unique(kFcntls) && rows::keys_are_unique(kPrctls) &&
              rows::keys_are_unique(kArchPrctls) && rows::keys_are_unique(kIpcs) && rows::keys_are_unique(kKeyctls) &&
              rows::keys_are_unique(kSockopts));

constexpr const SubRow* ioctl_row(uint32_t request) {
  return rows::find(kIoctls, request);
}
constexpr const SubRow* fcntl_row(uint32_t command) {
  return rows::find(kFcntls, command);
}
constexpr const SubRow* prctl_row(uint32_t option) {
  return rows::find(kPrctls, option);
}
constexpr const SubRow* arch_prctl_row(uint32_t option) {
  return rows::find(kArchPrctls, option);
}
constexpr const SubRow* keyctl_row(uint32_t operation) {
  return rows::find(kKeyctls, operation);
}
// `nr` is that of shmctl, semctl or msgctl.
constexpr const SubRow* ipc_row(uint32_t nr, uint32_t command) {
  return command > 0xffff ? nullptr : rows::find(kIpcs, rows::pair_key(nr, command));
}
// `nr` is that of getsockopt or setsockopt. Null: the syscall's own row applies.
constexpr const SubRow* sockopt_row(uint32_t nr, uint32_t level, uint32_t option) {
  return level > 0x7fff || option > 0xffff ? nullptr : rows::find(kSockopts, rows::option_key(nr, level, option));
}
constexpr FutexRow futex_row(uint32_t operation) {
  uint32_t command = operation & ~kFutexFlags;
  constexpr uint32_t kCount = sizeof(kFutexes) / sizeof(kFutexes[0]);
  return command < kCount ? kFutexes[command] : FutexRow{FutexKind::unknown, FutexTime::none, false};
}

// Whether one argument of the call picks the operation.
constexpr bool has_subcalls(uint32_t nr) {
  return nr == __NR_ioctl || nr == __NR_fcntl || nr == __NR_prctl || nr == __NR_arch_prctl || nr == __NR_keyctl ||
         nr == __NR_shmctl || nr == __NR_semctl || nr == __NR_msgctl || nr == __NR_getsockopt || nr == __NR_setsockopt;
}

constexpr const SubRow* sub_row(uint32_t nr, const uint64_t* args) {
  auto low = [args](int index) { return static_cast<uint32_t>(args[index]); };
  switch (nr) {
    case __NR_ioctl:
      return ioctl_row(low(1));
    case __NR_fcntl:
      return fcntl_row(low(1));
    case __NR_prctl:
      return prctl_row(low(0));
    case __NR_arch_prctl:
      return arch_prctl_row(low(0));
    case __NR_keyctl:
      return keyctl_row(low(0));
    case __NR_shmctl:
    case __NR_msgctl:
      return ipc_row(nr, low(1));
    case __NR_semctl:
      return ipc_row(nr, low(2));
    case __NR_getsockopt:
    case __NR_setsockopt:
      return sockopt_row(nr, low(1), low(2));
    default:
      return nullptr;
  }
}

// What to answer when sub_row has none; 0: go by the syscall's own row.
constexpr uint8_t missing_errno(uint32_t nr) {
  switch (nr) {
    case __NR_ioctl:
      return ENOTTY;
    case __NR_keyctl:
      return EOPNOTSUPP;
    case __NR_getsockopt:
    case __NR_setsockopt:
      return 0;
    default:
      return EINVAL;
  }
}

}  // namespace ckpt::model

#pragma GCC visibility pop
