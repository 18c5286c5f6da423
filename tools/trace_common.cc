#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "tools/command.h"
#include "tools/trace_commands.h"

namespace ckpt {
namespace {

// When the process began, in nanoseconds since 1970; 0 if that cannot be told.
uint64_t process_start_ns(int32_t pid) {
  std::ifstream file(text("/proc/", pid, "/stat"));
  std::string facts((std::istreambuf_iterator<char>(file)), {});
  // The command's name is in brackets and may hold anything; field 22 counts from the pid.
  size_t after_name = facts.find_last_of(')');
  if (after_name == std::string::npos) return 0;
  std::istringstream fields(facts.substr(after_name + 1));
  std::string skipped;
  uint64_t ticks = 0;
  for (int field = 3; field < 22; ++field) fields >> skipped;
  fields >> ticks;
  timespec boot, now;
  clock_gettime(CLOCK_BOOTTIME, &boot);
  clock_gettime(CLOCK_REALTIME, &now);
  auto ns = [](const timespec& at) {
    return static_cast<uint64_t>(at.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(at.tv_nsec);
  };
  return ns(now) - ns(boot) + ticks * (1'000'000'000 / static_cast<uint64_t>(sysconf(_SC_CLK_TCK)));
}

// The recorded program is alive, and it is not another process that got its number later.
bool is_alive(const TraceHeader& header) {
  constexpr uint64_t kSlackNs = 5'000'000'000;
  if (header.pid <= 0 || (kill(header.pid, 0) != 0 && errno == ESRCH)) return false;
  uint64_t began = process_start_ns(header.pid);
  return began == 0 || began <= header.started_ns + kSlackNs;
}

bool progress_shown = false;

}  // namespace

void add_form(CLI::App& app, FormOptions& options) {
  auto* json = app.add_flag("--json", options.json, "answer as JSON, one object a line");
  app.add_flag("--csv", options.csv, "answer as CSV with a heading")->excludes(json);
}

const char* state_name(TraceState state) {
  switch (state) {
    case TraceState::finished:
      return "finished";
    case TraceState::stopped:
      return "stopped";
    case TraceState::recording:
      return "recording";
    default:
      return "killed";
  }
}

Result<TraceState> state_of(Reader& reader) {
  CKPT_TRY(std::optional<TraceEnd> end, reader.end());
  if (end) return end->discarded ? TraceState::stopped : TraceState::finished;
  return is_alive(reader.header()) ? TraceState::recording : TraceState::killed;
}

void say_state(Reader& reader) {
  auto state = state_of(reader);
  auto events = reader.events();
  std::string name = trace_name(reader.folder());
  uint64_t count = events ? *events : 0;
  if (!state)
    complain(0, state.error());
  else if (*state == TraceState::recording)
    complain(0, text("trace ", name, ": is still being recorded; this is its first ", count, " events"));
  else if (*state == TraceState::killed)
    complain(0, text("trace ", name, ": its recorder was killed; its first ", count, " events are whole"));
  else if (*state == TraceState::stopped)
    complain(0, text("trace ", name, ": recording stopped early; see ckpt-trace info ", name));
}

std::string trace_name(const std::string& folder) {
  std::string path = folder;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path.substr(path.find_last_of('/') + 1);
}

int exit_status(const Error& error) {
  return error.code == Code::usage ? kExitUsage : kExitFailed;
}

int fail(const Error& error) {
  end_progress();
  return complain(exit_status(error), error);
}

Progress show_progress(const std::string& what) {
  if (!may_show_progress()) return {};
  using Clock = std::chrono::steady_clock;
  // Work of half a second needs no words; after that, ten times a second is plenty.
  return [what, next = Clock::now() + std::chrono::milliseconds(500)](uint64_t done, uint64_t total) mutable {
    if (total == 0 || Clock::now() < next) return;
    next = Clock::now() + std::chrono::milliseconds(100);
    progress_shown = true;
    std::fprintf(stderr, "\r%s: %llu%% of %llu events\033[K", what.c_str(),
                 static_cast<unsigned long long>(done * 100 / total), static_cast<unsigned long long>(total));
  };
}

void end_progress() {
  if (progress_shown) std::fputs("\r\033[K", stderr);
  progress_shown = false;
}

uint64_t own_bytes(const std::string& folder) {
  uint64_t bytes = 0;
  std::error_code failed;
  for (std::filesystem::recursive_directory_iterator at(folder, failed), end; !failed && at != end;
       at.increment(failed)) {
    struct stat facts;
    if (lstat(at->path().c_str(), &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_nlink == 1)
      bytes += static_cast<uint64_t>(facts.st_size);
  }
  return bytes;
}

std::string printed_date(uint64_t ns) {
  time_t seconds = static_cast<time_t>(ns / 1'000'000'000);
  tm parts = {};
  char date[64];
  if (!gmtime_r(&seconds, &parts) || std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
    return "unknown";
  return date;
}

}  // namespace ckpt
