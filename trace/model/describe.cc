#include "trace/model/names.h"

#include <arpa/inet.h>
#include <asm/unistd.h>
#include <sys/socket.h>

#include <cinttypes>
#include <cstdio>
#include <cstring>

#include <algorithm>

namespace ckpt::model {
namespace {

using Bytes = std::span<const std::byte>;

constexpr size_t kShownBytes = 32;  // of memory without a form
constexpr size_t kShownText = 4096;
constexpr size_t kShownItems = 16;  // of a list

template <class... Values>
std::string format(const char* how, Values... values) {
  char made[160];
  std::snprintf(made, sizeof made, how, values...);
  return made;
}

std::string hex(uint64_t value) {
  return format("0x%" PRIx64, value);
}
std::string pointer(uint64_t value) {
  return value == 0 ? "NULL" : hex(value);
}

// The number at `offset`, 0 where the bytes end.
template <class Number>
Number number_at(Bytes bytes, size_t offset) {
  Number made{};
  if (offset <= bytes.size() && bytes.size() - offset >= sizeof made)
    std::memcpy(&made, bytes.data() + offset, sizeof made);
  return made;
}

std::string quoted(Bytes bytes, size_t shown) {
  std::string made = "\"";
  for (std::byte byte : bytes.first(std::min(bytes.size(), shown))) {
    auto c = static_cast<unsigned char>(byte);
    switch (c) {
      case '\n':
        made += "\\n";
        break;
      case '\r':
        made += "\\r";
        break;
      case '\t':
        made += "\\t";
        break;
      case '"':
        made += "\\\"";
        break;
      case '\\':
        made += "\\\\";
        break;
      default:
        made += c >= 0x20 && c < 0x7f ? std::string(1, static_cast<char>(c)) : format("\\x%02x", c);
    }
  }
  return made + (bytes.size() > shown ? "\"…" : "\"");
}

std::string text_of(Bytes bytes) {
  auto end = std::find(bytes.begin(), bytes.end(), std::byte{0});
  return quoted(bytes.first(static_cast<size_t>(end - bytes.begin())), kShownText);
}

// "[a, b, …]" of as many items of `stride` as there are.
template <class Item>
std::string list(Bytes bytes, size_t stride, Item item) {
  std::string made = "[";
  size_t count = bytes.size() / stride;
  for (size_t i = 0; i < std::min(count, kShownItems); ++i) {
    if (i != 0) made += ", ";
    made += item(bytes.subspan(i * stride, stride));
  }
  return made + (count > kShownItems ? ", …]" : "]");
}

std::string seconds(int64_t whole, int64_t part, int digits) {
  return format("%" PRId64 ".%0*" PRId64 " s", whole, digits, part);
}
std::string timespec_of(Bytes bytes) {
  return seconds(number_at<int64_t>(bytes, 0), number_at<int64_t>(bytes, 8), 9);
}
std::string timeval_of(Bytes bytes) {
  return seconds(number_at<int64_t>(bytes, 0), number_at<int64_t>(bytes, 8), 6);
}

std::string interval_of(Bytes bytes, std::string (*one)(Bytes)) {
  if (bytes.size() < 32) return quoted(bytes, kShownBytes);
  return "{every " + one(bytes.first(16)) + ", in " + one(bytes.subspan(16)) + "}";
}

std::string sigset_of(Bytes bytes) {
  auto bits = number_at<uint64_t>(bytes, 0);
  std::string made = "{";
  for (int signal = 1; signal <= 64; ++signal) {
    if ((bits >> (signal - 1) & 1) == 0) continue;
    if (made.size() > 1) made += ' ';
    made += signal_name(signal);
  }
  return bits == ~uint64_t{0} ? "{all}" : made + "}";
}

std::string sigaction_of(Bytes bytes) {
  auto handler = number_at<uint64_t>(bytes, 0);
  std::string who = handler == 0 ? "SIG_DFL" : handler == 1 ? "SIG_IGN" : hex(handler);
  return "{" + who + ", " + flags_text("sigaction", number_at<uint64_t>(bytes, 8)) + ", " +
         (bytes.size() >= 32 ? sigset_of(bytes.subspan(24)) : "…") + "}";
}

std::string unix_address(Bytes path) {
  if (path.empty()) return "unix";
  if (path[0] == std::byte{0}) return "unix @" + quoted(path.subspan(1), 107);
  return "unix " + text_of(path);
}

std::string sockaddr_of(Bytes bytes) {
  if (bytes.size() < 2) return quoted(bytes, kShownBytes);
  auto family = number_at<uint16_t>(bytes, 0);
  uint16_t port = ntohs(number_at<uint16_t>(bytes, 2));
  char words[INET6_ADDRSTRLEN] = "";
  if (family == AF_UNIX) return unix_address(bytes.subspan(2));
  if (family == AF_INET && bytes.size() >= 8) {
    inet_ntop(AF_INET, bytes.data() + 4, words, sizeof words);
    return format("%s:%u", words, port);
  }
  if (family == AF_INET6 && bytes.size() >= 24) {
    inet_ntop(AF_INET6, bytes.data() + 8, words, sizeof words);
    return format("[%s]:%u", words, port);
  }
  if (family == AF_NETLINK && bytes.size() >= 12)
    return format("netlink %u groups 0x%x", number_at<uint32_t>(bytes, 4), number_at<uint32_t>(bytes, 8));
  return flags_text("domain", family) + " " + quoted(bytes.subspan(2), kShownBytes);
}

std::string pollfd_of(Bytes bytes) {
  auto answered = number_at<uint16_t>(bytes, 6);
  std::string made =
      "{" + std::to_string(number_at<int32_t>(bytes, 0)) + ", " + flags_text("poll", number_at<uint16_t>(bytes, 4));
  return made + (answered != 0 ? " → " + flags_text("poll", answered) : "") + "}";
}

std::string epoll_event_of(Bytes bytes) {
  return "{" + flags_text("epoll", number_at<uint32_t>(bytes, 0)) + ", " + hex(number_at<uint64_t>(bytes, 4)) + "}";
}

std::string fdset_of(Bytes bytes) {
  std::string made = "{";
  size_t shown = 0;
  for (size_t fd = 0; fd < bytes.size() * 8 && shown < kShownItems; ++fd) {
    if ((static_cast<unsigned>(bytes[fd / 8]) >> fd % 8 & 1) == 0) continue;
    if (shown++ != 0) made += ' ';
    made += std::to_string(fd);
  }
  return made + "}";
}

// The status word of wait4.
std::string status_of(Bytes bytes) {
  auto status = number_at<uint32_t>(bytes, 0);
  uint32_t signal = status & 0x7f;
  if (status == 0xffff) return "{continued}";
  if (signal == 0) return format("{exit %u}", status >> 8 & 0xff);
  if (signal == 0x7f) return "{stopped by " + signal_name(static_cast<int>(status >> 8 & 0xff)) + "}";
  return "{killed by " + signal_name(static_cast<int>(signal)) + ((status & 0x80) != 0 ? ", core}" : "}");
}

std::string stat_of(Bytes bytes) {
  if (bytes.size() < 56) return quoted(bytes, kShownBytes);
  return format("{inode %" PRIu64 ", mode 0%o, size %" PRId64 "}", number_at<uint64_t>(bytes, 8),
                number_at<uint32_t>(bytes, 24), number_at<int64_t>(bytes, 48));
}

std::string limit_of(uint64_t value) {
  return value == ~uint64_t{0} ? "unlimited" : std::to_string(value);
}

std::string rlimit_of(Bytes bytes) {
  return "{" + limit_of(number_at<uint64_t>(bytes, 0)) + ", most " + limit_of(number_at<uint64_t>(bytes, 8)) + "}";
}

std::string flock_of(Bytes bytes) {
  return "{" + flags_text("lock_type", number_at<uint16_t>(bytes, 0)) + ", " +
         flags_text("whence", number_at<uint16_t>(bytes, 2)) +
         format(", %" PRId64 ", %" PRId64 ", pid %d}", number_at<int64_t>(bytes, 8), number_at<int64_t>(bytes, 16),
                number_at<int32_t>(bytes, 24));
}

std::string winsize_of(Bytes bytes) {
  return format("{%u rows, %u columns}", number_at<uint16_t>(bytes, 0), number_at<uint16_t>(bytes, 2));
}

// A form of memory: its name in signatures, the fewest bytes it can be printed from, and how.
struct MemoryType {
  std::string_view name;
  size_t bytes;
  std::string (*describe)(Bytes);
};
constexpr MemoryType kMemoryTypes[] = {
    {"path", 1, text_of},
    {"text", 1, text_of},
    {"in", 0, [](Bytes b) { return quoted(b, kShownBytes); }},
    {"out", 0, [](Bytes b) { return quoted(b, kShownBytes); }},
    {"inout", 0, [](Bytes b) { return quoted(b, kShownBytes); }},
    {"iovec", 0, [](Bytes b) { return quoted(b, kShownBytes); }},
    {"msghdr", 0, [](Bytes b) { return quoted(b, kShownBytes); }},
    {"strings", 0, text_of},
    {"int_at", 4, [](Bytes b) { return format("[%d]", number_at<int32_t>(b, 0)); }},
    {"off_at", 8, [](Bytes b) { return format("[%" PRId64 "]", number_at<int64_t>(b, 0)); }},
    {"fds", 8, [](Bytes b) { return list(b, 4, [](Bytes fd) { return std::to_string(number_at<int32_t>(fd, 0)); }); }},
    {"pollfds", 8, [](Bytes b) { return list(b, 8, pollfd_of); }},
    {"epoll_events", 0, [](Bytes b) { return list(b, 12, epoll_event_of); }},
    {"fdset", 8, fdset_of},
    {"sigset", 8, sigset_of},
    {"sigaction", 16, sigaction_of},
    {"sockaddr", 0, sockaddr_of},
    {"stat", 32, stat_of},
    {"status", 4, status_of},
    {"timespec", 16, timespec_of},
    {"timeval", 16, timeval_of},
    {"itimerspec", 32, [](Bytes b) { return interval_of(b, timespec_of); }},
    {"itimerval", 32, [](Bytes b) { return interval_of(b, timeval_of); }},
    {"rlimit", 16, rlimit_of},
    {"flock", 28, flock_of},
    {"winsize", 4, winsize_of},
};

const MemoryType* memory_type(std::string_view name) {
  for (const MemoryType& type : kMemoryTypes)
    if (type.name == name) return &type;
  return nullptr;
}

std::string clock_of(int32_t clock) {
  if (clock >= 0) return flags_text("clock", static_cast<uint32_t>(clock));
  // The kernel packs a descriptor, a thread or a process into a negative number.
  const char* what = (clock & 7) == 3 ? "descriptor" : (clock & 4) != 0 ? "thread" : "process";
  return format("clock of %s %d", what, ~(clock >> 3));
}

std::string value_of(std::string_view type, uint64_t value) {
  auto low = static_cast<int32_t>(value);
  if (type == "fd" || type == "int" || type == "pid" || type == "tid") return std::to_string(low);
  if (type == "dirfd") return low == -100 ? "AT_FDCWD" : std::to_string(low);
  if (type == "uint") return std::to_string(static_cast<uint32_t>(value));
  if (type == "long" || type == "off") return std::to_string(static_cast<int64_t>(value));
  if (type == "size") return value > (uint64_t{1} << 62) ? hex(value) : std::to_string(value);
  if (type == "hex") return value == 0 ? "0" : hex(value);
  if (type == "mode") return (value & 07777) == 0 ? "0" : format("0%o", static_cast<unsigned>(value));
  if (type == "signal") return signal_name(low);
  if (type == "clock") return clock_of(low);
  return pointer(value);
}

bool gives_an_address(uint32_t nr) {
  return nr == __NR_mmap || nr == __NR_mremap || nr == __NR_brk || nr == __NR_shmat || nr == __NR_rt_sigreturn;
}

// The vector of texts, or of buffers, that several parts of one argument make.
std::string parts_of(std::string_view type, std::span<const ArgumentBytes> memory, size_t argument) {
  std::string made = "[";
  size_t count = 0;
  for (const ArgumentBytes& part : memory) {
    if (part.argument != argument || ++count > kShownItems) continue;
    if (made.size() > 1) made += ", ";
    made += type == "strings" ? text_of(part.bytes) : quoted(part.bytes, kShownBytes);
  }
  return made + (count > kShownItems ? ", …]" : "]");
}

}  // namespace

std::string describe_argument(std::string_view type, uint64_t value, std::optional<Bytes> bytes) {
  size_t colon = type.find(':');
  if (colon != std::string_view::npos) {
    // The upper half is the caller's rubbish: all of them are ints but clone's.
    return flags_text(type.substr(colon + 1), type == "flags:clone" ? value : static_cast<uint32_t>(value));
  }
  const MemoryType* memory = memory_type(type);
  if (memory == nullptr) return value_of(type, value);
  if (value == 0 || !bytes || bytes->size() < memory->bytes) return pointer(value);
  return memory->describe(*bytes);
}

std::string describe_call(uint32_t nr, std::span<const uint64_t> args, std::span<const ArgumentBytes> memory) {
  std::vector<Argument> declared = arguments_of(nr, args);
  std::string made = syscall_name(nr) + "(";
  for (size_t i = 0; i < std::min(declared.size(), args.size()); ++i) {
    std::string_view type = declared[i].type;
    if (type == "none") break;
    if (i != 0) made += ", ";
    auto part = std::find_if(memory.begin(), memory.end(), [i](const ArgumentBytes& p) { return p.argument == i; });
    bool listed = type == "strings" || type == "iovec" || type == "msghdr";
    if (part == memory.end())
      made += describe_argument(type, args[i]);
    else
      made += listed ? parts_of(type, memory, i) : describe_argument(type, args[i], part->bytes);
  }
  return made + ")";
}

std::string describe_result(uint32_t nr, int64_t result) {
  constexpr int64_t kMostErrno = 4095;
  if (result < 0 && result >= -kMostErrno) return "-1 " + errno_name(static_cast<int>(-result));
  return gives_an_address(nr) ? hex(static_cast<uint64_t>(result)) : std::to_string(result);
}

}  // namespace ckpt::model
