#include "trace/model/names.h"

#include <cstdio>
#include <cstring>

#include <algorithm>
#include <map>

#include "trace/model/subcalls.h"
#include "trace/model/syscalls.h"

namespace ckpt::model {
namespace {

using namespace rows;

struct NamedCall {
  uint32_t nr;
  const char* name;
  const char* signature;
  Verdict verdict;
};
constexpr NamedCall kCalls[] = {
#define SYSCALL(name, signature, verdict, ...) {__NR_##name, #name, signature, verdict},
#include "trace/model/syscalls.inc"
#undef SYSCALL
};

struct NamedOperation {
  uint32_t nr;
  uint32_t key;
  const char* name;
  const char* type;
  Verdict verdict;
};
constexpr NamedOperation kOperations[] = {
#define IOCTL(number, name, type, verdict, ...) {__NR_ioctl, number, #name, type, verdict},
#include "trace/model/ioctls.inc"
#undef IOCTL
#define FCNTL(number, name, type, verdict, ...) {__NR_fcntl, number, #name, type, verdict},
#include "trace/model/fcntls.inc"
#undef FCNTL
#define PRCTL(number, name, type, verdict, ...) {__NR_prctl, number, #name, type, verdict},
#include "trace/model/prctls.inc"
#undef PRCTL
#define ARCH_PRCTL(number, name, type, verdict, ...) {__NR_arch_prctl, number, #name, type, verdict},
#include "trace/model/arch_prctls.inc"
#undef ARCH_PRCTL
#define IPC(call, number, name, type, verdict, ...) {__NR_##call, number, #name, type, verdict},
#include "trace/model/ipcs.inc"
#undef IPC
#define KEYCTL(number, name, type, verdict, ...) {__NR_keyctl, number, #name, type, verdict},
#include "trace/model/keyctls.inc"
#undef KEYCTL
#define SOCKOPT(call, level, number, name, verdict, ...) {__NR_##call, pair_key(level, number), #name, "", verdict},
#include "trace/model/sockopts.inc"
#undef SOCKOPT
};

struct FlagRow {
  std::string_view set;
  const char* name;
  uint64_t mask;
  uint64_t value;
  bool field;  // a value of 0 is worth a name
};
constexpr FlagRow kFlags[] = {
#define FLAG(set, name, bits) {#set, #name, bits, bits, false},
#define FIELD(set, mask, name, value) {#set, #name, mask, value, true},
#define VALUE(set, name, value) {#set, #name, ~uint64_t{0}, value, true},
#include "trace/model/flags.inc"
#undef FLAG
#undef FIELD
#undef VALUE
};

// Which argument picks the operation, and which one the operation gives a type to.
struct SubPlace {
  uint32_t nr;
  const char* set;
  int picks;
  int typed;
};
constexpr SubPlace kSubPlaces[] = {
    {__NR_ioctl, "ioctl", 1, 2},   {__NR_fcntl, "fcntl", 1, 2},           {__NR_prctl, "prctl", 0, 1},
    {__NR_shmctl, "shmctl", 1, 2}, {__NR_arch_prctl, "arch_prctl", 0, 1}, {__NR_keyctl, "keyctl", 0, 1},
    {__NR_msgctl, "msgctl", 1, 2}, {__NR_semctl, "semctl", 2, 3},
};

const SubPlace* sub_place(uint32_t nr) {
  for (const SubPlace& place : kSubPlaces)
    if (place.nr == nr) return &place;
  return nullptr;
}

const NamedCall* call_named(uint32_t nr) {
  const auto* found = std::lower_bound(std::begin(kCalls), std::end(kCalls), nr,
                                       [](const NamedCall& call, uint32_t number) { return call.nr < number; });
  return found != std::end(kCalls) && found->nr == nr ? found : nullptr;
}

const NamedOperation* operation_of(uint32_t nr, uint32_t key) {
  static const auto* const index = [] {
    auto* made = new std::map<std::pair<uint32_t, uint32_t>, const NamedOperation*>;
    for (const NamedOperation& operation : kOperations)
      made->emplace(std::pair{operation.nr, operation.key}, &operation);
    return made;
  }();
  auto found = index->find({nr, key});
  return found == index->end() ? nullptr : found->second;
}

const NamedOperation* operation_of(uint32_t nr, std::span<const uint64_t> args) {
  if (nr == __NR_getsockopt || nr == __NR_setsockopt) {
    if (args.size() < 3 || args[1] > 0x7fff || args[2] > 0xffff) return nullptr;
    return operation_of(nr, pair_key(static_cast<uint32_t>(args[1]), static_cast<uint32_t>(args[2])));
  }
  const SubPlace* place = sub_place(nr);
  if (place == nullptr || args.size() <= static_cast<size_t>(place->picks)) return nullptr;
  return operation_of(nr, static_cast<uint32_t>(args[place->picks]));
}

std::vector<Argument> parsed(std::string_view signature) {
  std::vector<Argument> made;
  while (!signature.empty()) {
    std::string_view item = signature.substr(0, signature.find(','));
    signature.remove_prefix(std::min(signature.size(), item.size() + 2));
    size_t space = item.rfind(' ');
    made.push_back({item.substr(0, space), item.substr(space + 1)});
  }
  return made;
}

}  // namespace

std::string_view interposed_name(uint32_t number) {
  static constexpr std::string_view kNames[] = {
#define INTERPOSED(name, arguments) #name,
#include "trace/model/interposed.inc"
#undef INTERPOSED
  };
  return number < std::size(kNames) ? kNames[number] : "";
}

std::string syscall_name(uint32_t nr) {
  const NamedCall* call = call_named(nr);
  return call != nullptr ? call->name : "syscall_" + std::to_string(nr);
}

std::optional<uint32_t> syscall_number(std::string_view name) {
  for (const NamedCall& call : kCalls)
    if (name == call.name) return call.nr;
  return std::nullopt;
}

std::span<const Argument> arguments_of(uint32_t nr) {
  static const auto* const index = [] {
    auto* made = new std::vector<std::vector<Argument>>(kSyscallLimit);
    for (const NamedCall& call : kCalls) (*made)[call.nr] = parsed(call.signature);
    return made;
  }();
  return nr < index->size() ? std::span<const Argument>((*index)[nr]) : std::span<const Argument>();
}

std::vector<Argument> arguments_of(uint32_t nr, std::span<const uint64_t> args) {
  std::span<const Argument> declared = arguments_of(nr);
  std::vector<Argument> made(declared.begin(), declared.end());
  const SubPlace* place = sub_place(nr);
  const NamedOperation* operation = operation_of(nr, args);
  if (place != nullptr && operation != nullptr) made[place->typed].type = operation->type;
  return made;
}

std::string_view sub_name(uint32_t nr, std::span<const uint64_t> args) {
  const NamedOperation* operation = operation_of(nr, args);
  return operation != nullptr ? operation->name : "";
}

std::string ioctl_name(uint32_t request) {
  if (const NamedOperation* operation = operation_of(__NR_ioctl, request)) return operation->name;
  static constexpr const char* kDirections[] = {"none", "w", "r", "rw"};
  char made[64];
  std::snprintf(made, sizeof made, "_IOC(%s, 0x%x, 0x%x, %u)", kDirections[request >> 30], request >> 8 & 0xff,
                request & 0xff, request >> 16 & 0x3fff);
  return made;
}

std::string_view refusal_reason(uint32_t nr) {
  const NamedCall* call = call_named(nr);
  if (call == nullptr) return "the number has no row";
  return call->verdict.replay == Replay::refuse ? call->verdict.why : "";
}

std::string_view refusal_reason(uint32_t nr, std::span<const uint64_t> args) {
  const NamedOperation* operation = operation_of(nr, args);
  if (operation != nullptr) return operation->verdict.replay == Replay::refuse ? operation->verdict.why : "";
  return has_subcalls(nr) && missing_errno(nr) != 0 ? "the operation has no row" : refusal_reason(nr);
}

std::string signal_name(int signal) {
  constexpr int kFirstRealtime = 34;  // glibc keeps the kernel's first two for itself
  if (signal >= kFirstRealtime && signal <= 64) {
    return signal == kFirstRealtime ? "SIGRTMIN" : "SIGRTMIN+" + std::to_string(signal - kFirstRealtime);
  }
  const char* name = signal > 0 ? sigabbrev_np(signal) : nullptr;
  if (name != nullptr) return std::string("SIG") + name;
  return signal == 0 ? "0" : "SIG" + std::to_string(signal);
}

std::string errno_name(int error) {
  switch (error) {  // never seen by a program, but by who looks into the kernel
    case 512:
      return "ERESTARTSYS";
    case 513:
      return "ERESTARTNOINTR";
    case 514:
      return "ERESTARTNOHAND";
    case 516:
      return "ERESTART_RESTARTBLOCK";
    default:
      break;
  }
  const char* name = error > 0 ? strerrorname_np(error) : nullptr;
  return name != nullptr ? name : "E" + std::to_string(error);
}

bool knows_set(std::string_view set) {
  auto has = [set](const auto& row) { return row.set == set; };
  return std::any_of(std::begin(kFlags), std::end(kFlags), has) ||
         std::any_of(std::begin(kSubPlaces), std::end(kSubPlaces), has);
}

std::string flags_text(std::string_view set, uint64_t value) {
  for (const SubPlace& place : kSubPlaces) {
    if (set != place.set) continue;
    if (place.nr == __NR_ioctl) return ioctl_name(static_cast<uint32_t>(value));
    const NamedOperation* operation = operation_of(place.nr, static_cast<uint32_t>(value));
    return operation != nullptr ? operation->name : std::to_string(static_cast<int32_t>(value));
  }
  std::string made;
  bool whole = false;
  uint64_t left = value;
  uint64_t fields = 0;  // masks of fields that have their name already
  for (const FlagRow& row : kFlags) {
    if (row.set != set) continue;
    if (row.mask == ~uint64_t{0}) whole = true;
    bool matches =
        row.field ? (value & row.mask) == row.value && (fields & row.mask) == 0 : (left & row.mask) == row.value;
    if (!matches) continue;
    if (!made.empty()) made += '|';
    made += row.name;
    left &= ~row.value;
    if (row.field) fields |= row.mask;
    if (row.mask == ~uint64_t{0}) return made;
  }
  if (left == 0 && !made.empty()) return made;
  if (made.empty() && whole && value < 0x10000) return std::to_string(value);
  char rest[24];
  std::snprintf(rest, sizeof rest, left != 0 ? "0x%llx" : "0", static_cast<unsigned long long>(left));
  return made.empty() ? rest : made + '|' + rest;
}

}  // namespace ckpt::model
