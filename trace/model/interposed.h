// The interposed functions by number: how many of their arguments mean something. Freestanding; names are in names.h.
#pragma once

#include <stdint.h>

namespace ckpt::model {

struct Interposed {
  uint8_t arguments;
};

constexpr Interposed interposed(uint32_t number) {
  uint32_t at = 0;
#define INTERPOSED(name, arguments) \
  if (number == at++) return Interposed{arguments};
#include "trace/model/interposed.inc"
#undef INTERPOSED
  return Interposed{0};
}

}  // namespace ckpt::model
