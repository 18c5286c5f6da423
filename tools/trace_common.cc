#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <optional>

#include "tools/command.h"
#include "tools/trace_commands.h"

namespace ckpt {
namespace {

// Whether the recorder has the events file open: the kernel grants a read lease on a file only if
// nobody may write to it. Unlike a process id this cannot mislead after a restart or in a container.
// Nothing if the file system knows no leases, or the file is not ours.
std::optional<bool> is_being_written(const std::string& folder) {
  int fd = open((folder + "/events").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  // Whoever opens the file for writing while we hold the lease makes the kernel tell us so, by SIGIO.
  signal(SIGIO, SIG_IGN);
  bool granted = fcntl(fd, F_SETLEASE, F_RDLCK) == 0;
  int refused = granted ? 0 : errno;
  if (granted) fcntl(fd, F_SETLEASE, F_UNLCK);
  close(fd);
  if (!granted && refused != EAGAIN) return std::nullopt;
  return !granted;
}

// Second best: the recorded program is alive.
bool is_alive(const TraceHeader& header) {
  return header.pid > 0 && (kill(header.pid, 0) == 0 || errno == EPERM);
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
  bool recording = is_being_written(reader.folder()).value_or(is_alive(reader.header()));
  // It may have ended in between.
  if (!recording) {
    CKPT_TRY(end, reader.end());
    if (end) return end->discarded ? TraceState::stopped : TraceState::finished;
  }
  return recording ? TraceState::recording : TraceState::killed;
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
