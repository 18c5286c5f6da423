#include "trace/store/sql_print.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <vector>

#include "trace/base/result.h"
#include "trace/model/interposed.h"
#include "trace/model/names.h"

namespace ckpt {
namespace {

using abi::EventKind;

constexpr int64_t kMostErrno = 4095;

// Kinds of events, and what the numbers of each mean; empty: nothing, or another table says.
struct KindWords {
  EventKind kind;
  const char* name;
  std::array<const char*, 7> numbers;
};
constexpr KindWords kKinds[] = {
    {EventKind::syscall, "syscall", {}},
    {EventKind::turn, "turn", {"at_entry", "after_event", "at_point", "task_end", "interrupted"}},
    {EventKind::signal, "signal", {}},
    {EventKind::instruction, "instruction", {"", "rdtsc", "rdtscp", "rdrand", "rdseed", "", "cpuid"}},
    {EventKind::patch, "patch", {"map_trampolines", "rewrite", "breakpoint", "guard"}},
    {EventKind::task_start, "task_start", {}},
    {EventKind::task_end, "task_end", {}},
    {EventKind::end, "end", {"exit_group", "signal", "exec", "lost"}},
    {EventKind::image, "image", {}},
    {EventKind::random, "random", {}},
    {EventKind::call, "call", {}},
    {EventKind::data, "data", {"write", "cut", "shown"}},
};

const KindWords* words_of(EventKind kind) {
  for (const KindWords& words : kKinds)
    if (words.kind == kind) return &words;
  return nullptr;
}

std::string hex(uint64_t value) {
  char digits[24];
  std::snprintf(digits, sizeof digits, "0x%llx", static_cast<unsigned long long>(value));
  return digits;
}

// The number at the end of `name`: "syscall_700", "SIG99".
std::optional<uint16_t> last_number(std::string_view name) {
  size_t digits = name.find_last_not_of("0123456789") + 1;
  uint16_t number = 0;
  auto [end, failed] = std::from_chars(name.data() + digits, name.data() + name.size(), number);
  if (digits == name.size() || failed != std::errc()) return std::nullopt;
  return number;
}

// `[a, b]` of all parts of an argument that is a vector of texts or buffers.
std::string listed_parts(const EventView& event, size_t argument) {
  constexpr size_t kShown = 16;
  std::string made;
  size_t count = 0;
  for (PartView part : event.parts()) {
    if (part.part.argument != argument || ++count > kShown) continue;
    made += text(made.empty() ? "[" : ", ", quoted(part.bytes));
  }
  return made + (count > kShown ? ", ...]" : "]");
}

std::string interposed_args(const EventView& event) {
  std::string made;
  uint32_t shown = model::interposed(event.header().number).arguments;
  for (uint32_t i = 0; i < shown; i++) made += text(i ? ", " : "", hex(event.arg(1 + i)));
  return text(made, shown ? "; from " : "from ", hex(static_cast<uint64_t>(event.header().result)));
}

std::string syscall_argument(const EventView& event, size_t place, std::string_view type) {
  for (PartView part : event.parts()) {
    if (part.part.argument != place) continue;
    if (type == "strings" || type == "iovec" || type == "msghdr") return listed_parts(event, place);
    return model::describe_argument(type, event.arg(place), part.bytes);
  }
  return model::describe_argument(type, event.arg(place));
}

std::string syscall_args(const EventView& event) {
  std::vector<model::Argument> declared = model::arguments_of(event.header().number, event.args());
  std::string made;
  for (size_t i = 0; i < std::min(declared.size(), event.args().size()); ++i) {
    if (declared[i].type == "none") break;
    made += text(i ? ", " : "", declared[i].name, "=", syscall_argument(event, i, declared[i].type));
  }
  return made;
}

std::string signal_args(const EventView& event) {
  return text(signal_how(event), ", handler=", hex(event.arg(1)));
}

std::string plain_args(const EventView& event) {
  std::string made;
  for (uint64_t arg : event.args()) made += text(made.empty() ? "" : ", ", hex(arg));
  return made;
}

}  // namespace

std::string kind_name(EventKind kind) {
  const KindWords* words = words_of(kind);
  return words ? words->name : text("kind_", int{static_cast<uint8_t>(kind)});
}

std::optional<EventKind> kind_named(std::string_view name) {
  for (const KindWords& words : kKinds)
    if (name == words.name) return words.kind;
  auto number = last_number(name);
  if (number && *number < 256 && kind_name(static_cast<EventKind>(*number)) == name)
    return static_cast<EventKind>(*number);
  return std::nullopt;
}

bool has_numbers(EventKind kind) {
  const KindWords* words = words_of(kind);
  return kind == EventKind::syscall || kind == EventKind::signal || kind == EventKind::call ||
         (words && words->numbers[1]);
}

std::string event_name(EventKind kind, uint16_t number) {
  if (kind == EventKind::syscall) return model::syscall_name(number);
  if (kind == EventKind::signal) return model::signal_name(number);
  if (kind == EventKind::call && !model::interposed_name(number).empty())
    return std::string(model::interposed_name(number));
  if (!has_numbers(kind)) return kind_name(kind);
  const KindWords* words = words_of(kind);
  const char* name = number < words->numbers.size() ? words->numbers[number] : nullptr;
  return name && *name ? std::string(name) : text(words->name, "_", number);
}

std::optional<uint16_t> event_number_named(EventKind kind, std::string_view name) {
  if (kind == EventKind::syscall) {
    if (auto number = model::syscall_number(name)) return static_cast<uint16_t>(*number);
  } else {
    for (uint16_t number = 0; number < NSIG; ++number)
      if (event_name(kind, number) == name) return number;
  }
  auto number = last_number(name);
  return number && event_name(kind, *number) == name ? number : std::nullopt;
}

std::string signal_how(const EventView& event) {
  switch (static_cast<abi::SignalHow>(event.arg(0))) {
    case abi::SignalHow::asynchronous:
      return "asynchronous";
    case abi::SignalHow::synchronous:
      return "synchronous";
    case abi::SignalHow::interrupted:
      return "interrupted";
  }
  return text("how_", event.arg(0));
}

std::string end_name(abi::EndHow how) {
  return event_name(EventKind::end, static_cast<uint16_t>(how));
}

std::optional<std::string> error_name(int64_t result) {
  if (result >= 0 || result < -kMostErrno) return std::nullopt;
  return model::errno_name(static_cast<int>(-result));
}

std::string printed_args(const EventView& event) {
  switch (event.header().kind) {
    case EventKind::syscall:
      return syscall_args(event);
    case EventKind::turn:
      return text("from task ", event.arg(0), ", points=", event.arg(1));
    case EventKind::signal:
      return signal_args(event);
    case EventKind::instruction:
      return text("pc=", hex(event.arg(0)), ", second=", hex(event.arg(1)));
    case EventKind::task_start:
      return text("parent=", event.arg(0), ", flags=", model::flags_text("clone", event.arg(1)));
    case EventKind::image:
      return text("checkpoint=", event.arg(0));
    case EventKind::call:
      return interposed_args(event);
    default:
      return plain_args(event);
  }
}

std::string printed_result(const EventView& event) {
  const abi::EventHeader& header = event.header();
  switch (header.kind) {
    case EventKind::syscall:
      return model::describe_result(header.number, header.result);
    case EventKind::instruction:
    case EventKind::random:
      return hex(static_cast<uint64_t>(header.result));
    case EventKind::task_start:
      return text("tid ", header.result);
    case EventKind::task_end:
    case EventKind::end:
      return text(header.result);
    default:
      return "";
  }
}

std::string quoted(std::span<const std::byte> bytes, size_t keep) {
  std::string made = "\"";
  for (std::byte byte : bytes.first(std::min(bytes.size(), keep))) {
    auto c = std::to_integer<unsigned char>(byte);
    constexpr std::string_view kShort = "\n\r\t\"\\", kLetters = "nrt\"\\";
    char escaped[8];
    if (size_t at = kShort.find(static_cast<char>(c)); at != std::string_view::npos)
      std::snprintf(escaped, sizeof escaped, "\\%c", kLetters[at]);
    else
      std::snprintf(escaped, sizeof escaped, c >= 0x20 && c < 0x7f ? "%c" : "\\x%02x", c);
    made += escaped;
  }
  return made + (bytes.size() > keep ? "\"..." : "\"");
}

std::optional<PartView> part_of(const EventView& event, abi::PartRole role, uint8_t argument) {
  for (PartView part : event.parts())
    if (part.part.role == role && part.part.argument == argument) return part;
  return std::nullopt;
}

std::string_view part_text(const PartView& part) {
  std::string_view words(reinterpret_cast<const char*>(part.bytes.data()), part.bytes.size());
  return words.substr(0, words.find('\0'));
}

}  // namespace ckpt
