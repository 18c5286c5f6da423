// Result<T>: a value, or an Error that callers branch on and people read.
//
// Errors:  expected failures of the field (refused, corrupt, gone, diverged). Bugs of
//          ours use CKPT_ASSERT.
// Threads: values; as safe as T.
#pragma once

#include <cerrno>
#include <cstdint>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

namespace ckpt {

enum class Code : uint8_t { io, corrupt, unsupported, fault, diverged, limit, not_found, usage };

struct Error {
  Code code;
  std::string message{};  // one line, names the object, no full stop
  int os_errno = 0;       // errno if the kernel refused, else 0
  uint64_t where = 0;     // tracee address for fault, byte offset for corrupt
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  Result(Error error) : error_(std::move(error)) {}
  bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }
  T& value() & { return *value_; }
  const T& value() const& { return *value_; }
  T&& value() && { return std::move(*value_); }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }
  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  const Error& error() const { return error_; }

 private:
  std::optional<T> value_;
  Error error_{Code::io};
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), failed_(true) {}
  bool ok() const { return !failed_; }
  explicit operator bool() const { return ok(); }
  const Error& error() const { return error_; }

 private:
  Error error_{Code::io};
  bool failed_ = false;
};

// Joins its arguments as an ostream would print them.
template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return std::move(out).str();
}

// An io error with the current errno and its words: "open /x: No such file or directory".
Error io_error(const std::string& what);

}  // namespace ckpt

#define CKPT_JOIN_(a, b) a##b
#define CKPT_JOIN(a, b) CKPT_JOIN_(a, b)

// CKPT_TRY(declaration, expression): declares from a Result's value, or returns its Error.
#define CKPT_TRY(declaration, ...)                                                              \
  auto CKPT_JOIN(ckpt_try_, __LINE__) = (__VA_ARGS__);                                          \
  if (!CKPT_JOIN(ckpt_try_, __LINE__).ok()) return CKPT_JOIN(ckpt_try_, __LINE__).error();       \
  declaration = std::move(CKPT_JOIN(ckpt_try_, __LINE__)).value()

// CKPT_CHECK(expression): returns the Error of a Result<void>, else goes on.
#define CKPT_CHECK(...)                                                        \
  do {                                                                         \
    if (auto ckpt_check_ = (__VA_ARGS__); !ckpt_check_.ok()) return ckpt_check_.error(); \
  } while (0)
