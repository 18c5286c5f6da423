// The words the .inc tables are written in, and how they become rows. Freestanding.
//
//   SYSCALL(read, "fd fd, out buf, size count", supply, by_fd(0), out(1, returned_up_to(2)))
//           name  signature                     verdict waits     accesses
//
// Everything here is evaluated by the compiler: a `why` is text for names.cc and never
// reaches the agent's object.
#pragma once

#include <asm/errno.h>

#include "trace/model/row.h"

namespace ckpt::model::rows {

struct Verdict {
  Replay replay;
  uint8_t refuse_errno = 0;
  const char* why = "";
};
inline constexpr Verdict supply{Replay::supply};
inline constexpr Verdict perform{Replay::perform};
constexpr Verdict refuse(const char* why, int error = ENOSYS) {
  return Verdict{Replay::refuse, static_cast<uint8_t>(error == ENOSYS ? 0 : error), why};
}

struct WaitRule {
  Wait wait;
  uint8_t fd = 0;
};
inline constexpr WaitRule always{Wait::always};
constexpr WaitRule by_fd(uint8_t argument) {
  return {Wait::by_fd, argument};
}

constexpr Handler by(Handler handler) {
  return handler;
}

struct SizeRule {
  Size size;
  uint8_t from = 0;
  uint32_t scale = 1;
  uint16_t plus = 0;
};
constexpr SizeRule bytes(uint32_t count) {
  return {Size::bytes, 0, count};
}
constexpr SizeRule argument(uint8_t from, uint32_t scale = 1) {
  return {Size::argument, from, scale};
}
constexpr SizeRule returned(uint32_t scale = 1) {
  return {Size::returned, 0, scale};
}
constexpr SizeRule returned_up_to(uint8_t from, uint32_t scale = 1) {
  return {Size::returned_up_to, from, scale};
}
constexpr SizeRule value_result(uint8_t from, uint32_t scale = 1) {
  return {Size::value_result, from, scale};
}
constexpr SizeRule text() {
  return {Size::text};
}
constexpr SizeRule iovec(uint8_t from) {
  return {Size::iovec, from};
}
constexpr SizeRule message() {
  return {Size::message};
}
constexpr SizeRule messages() {
  return {Size::messages};
}
constexpr SizeRule strings() {
  return {Size::strings};
}
constexpr SizeRule fd_sets(uint8_t from) {
  return {Size::fd_sets, from};
}
constexpr SizeRule pages(uint8_t from) {
  return {Size::pages, from};
}
constexpr SizeRule plus(uint16_t head, SizeRule rest) {
  return {rest.size, rest.from, rest.scale, head};
}

constexpr Access access_of(uint8_t argument, uint8_t direction, SizeRule rule) {
  return Access{argument, direction, rule.size, rule.from, When::success, 0, rule.plus, rule.scale};
}
constexpr Access in(uint8_t argument, SizeRule rule) {
  return access_of(argument, kIn, rule);
}
constexpr Access out(uint8_t argument, SizeRule rule) {
  return access_of(argument, kOut, rule);
}
constexpr Access inout(uint8_t argument, SizeRule rule) {
  return access_of(argument, kInOut, rule);
}
constexpr Access when_always(Access access) {
  access.when = When::always;
  return access;
}
constexpr Access when_eintr(Access access) {
  access.when = When::eintr;
  return access;
}

// How many arguments "fd fd, out buf, size count" declares.
constexpr uint8_t arguments_in(const char* signature) {
  if (*signature == 0) return 0;
  uint8_t count = 1;
  for (const char* at = signature; *at != 0; ++at)
    if (*at == ',') ++count;
  return count;
}

template <class AnyRow>
constexpr void add(AnyRow& row, Access access) {
  row.access[row.accesses++] = access;
}
template <class AnyRow>
constexpr void add(AnyRow& row, Handler handler) {
  row.handler = handler;
}
template <class AnyRow>
constexpr void add(AnyRow& row, WaitRule rule) {
  row.wait = rule.wait;
  if constexpr (requires { row.wait_fd; }) row.wait_fd = rule.fd;
}

template <class... Items>
constexpr Row row(uint16_t number, const char* signature, Verdict verdict, Items... items) {
  Row made{};
  made.number = number;
  made.arguments = arguments_in(signature);
  made.replay = verdict.replay;
  made.refuse_errno = verdict.refuse_errno;
  (add(made, items), ...);
  return made;
}

}  // namespace ckpt::model::rows
