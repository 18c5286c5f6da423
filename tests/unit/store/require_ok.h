// REQUIRE_OK(result): the doctest case goes on only if `result` holds no error, and prints it.
#pragma once

#include <string>

#include <doctest/doctest.h>

namespace ckpt::test {

// The message of a Result's error, empty if there is none.
template <class R>
std::string message_of(const R& result) {
  return result.ok() ? std::string() : result.error().message;
}

}  // namespace ckpt::test

#define REQUIRE_OK(...) REQUIRE(::ckpt::test::message_of(__VA_ARGS__) == "")
