// Events in words: names of kinds, and arguments as a person would write them.
//
// What is printed comes from a trace, so every byte of it is made harmless: strings and buffers
// are quoted and escaped, and shortened.
//
// Threads: safe.
// Errors:  none: what has no name is printed as a number.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "trace/store/event_view.h"
#include "trace/store/store.h"

namespace ckpt {

// "syscall", "turn"…; "kind-77" for one this version does not know.
std::string kind_name(abi::EventKind kind);
std::optional<abi::EventKind> kind_named(std::string_view name);

// Whether the header's `number` means something for this kind.
bool has_numbers(abi::EventKind kind);

// What the event is about, in one word: the syscall, the signal, the instruction, the step. For
// kinds without numbers the kind's own name.
std::string event_name(abi::EventKind kind, uint16_t number);

// The number that event_name() prints as `name` for this kind.
std::optional<uint16_t> event_number_named(abi::EventKind kind, std::string_view name);

// "exit_group", "signal", "exec", "lost".
std::string end_name(abi::EndHow how);

// How a signal came: "asynchronous" at an event, "synchronous" from an instruction, or "interrupted" between events.
std::string signal_how(const EventView& event);

// "ENOENT" for a failed syscall's result, else nothing.
std::optional<std::string> error_name(int64_t result);

// The arguments by name: `fd=3, buf="PK\3\4"..., count=512`.
std::string printed_args(const EventView& event);

// The result as strace would print it: `5`, `-1 ENOENT`, `0x7f0000001000`.
std::string printed_result(const EventView& event);

// Bytes as a C string of at most `keep` bytes, with `...` after it if there were more.
std::string quoted(std::span<const std::byte> bytes, size_t keep = 32);

// The first part of `event` with this role and argument.
std::optional<PartView> part_of(const EventView& event, abi::PartRole role, uint8_t argument);

// A part that holds a C string, up to its terminating zero.
std::string_view part_text(const PartView& part);

// Time since the recording began.
constexpr double seconds(uint32_t time_100us) {
  return time_100us / 1e4;
}

}  // namespace ckpt
