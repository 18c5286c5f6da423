// CKPT_ASSERT: one condition that only a bug of ours can break. On in release.
#pragma once

#include <string>

#include "trace/base/result.h"

namespace ckpt {
// Prints the condition, the place and the values, and ends the process with abort().
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line, const std::string& values);
}  // namespace ckpt

#define CKPT_ASSERT(condition, ...) \
  ((condition)                      \
       ? void(0)                    \
       : ::ckpt::assertion_failed(#condition, __FILE__, __LINE__, ::ckpt::text("" __VA_OPT__(, ) __VA_ARGS__)))
