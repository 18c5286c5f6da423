#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "trace/base/assert.h"
#include "trace/base/result.h"

namespace ckpt {

Error io_error(const std::string& what) {
  int saved = errno;
  return Error{.code = Code::io, .message = text(what, ": ", std::strerror(saved)), .os_errno = saved};
}

void assertion_failed(const char* condition, const char* file, int line, const std::string& values) {
  std::fprintf(stderr, "ckpt: internal error at %s:%d: %s is false (%s); please report it with the trace\n", file, line,
               condition, values.c_str());
  std::abort();
}

}  // namespace ckpt
