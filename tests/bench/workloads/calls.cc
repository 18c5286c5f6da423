// calls rdtsc|clock_gettime|getppid COUNT: one of them in a hot loop. Prints nanoseconds for each call.
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {
double now_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// One copy of the loop for all counts, or it would have more than one site.
template <typename Call>
[[gnu::noipa]] double loop_ns(long count, Call call) {
  double began = now_ns();
  for (long left = count; left > 0; left--) call();
  return (now_ns() - began) / static_cast<double>(count);
}

template <typename Call>
double cost_ns(long count, Call call) {
  loop_ns(100, call);  // The first pass finds and rewrites the site.
  return loop_ns(count, call);
}
}  // namespace

int main(int, char** argv) {
  std::string_view kind = argv[1];
  long count = atol(argv[2]);
  timespec time;
  double ns = 0;
  if (kind == "rdtsc")
    ns = cost_ns(count, [] { return __rdtsc(); });
  else if (kind == "clock_gettime")
    ns = cost_ns(count, [&] { return clock_gettime(CLOCK_MONOTONIC, &time); });
  else if (kind == "getppid")
    ns = cost_ns(count, [] { return getppid(); });
  else
    return 1;
  printf("%.1f\n", ns);
}
