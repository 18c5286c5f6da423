// Entry: the program looks at its environment; the variables a recorder launched it with are not in it.
#include <algorithm>
#include <string_view>
#include <vector>

#include "tests/guests/check.h"

int main() {
  std::vector<std::string_view> entries;
  for (char** entry = environ; *entry; entry++) entries.push_back(*entry);
  std::sort(entries.begin(), entries.end());
  for (std::string_view entry : entries) printf("%.*s\n", int(entry.size()), entry.data());
  const char* preload = getenv("LD_PRELOAD");
  CHECK(!preload || !strstr(preload, "ckpt"));
  const char* tunables = getenv("GLIBC_TUNABLES");
  CHECK(!tunables || !strstr(tunables, "rseq"));
  return finish();
}
