#include "record/supervisor/recorder.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <optional>
#include <set>

#include "record/agent/signal_numbers.h"
#include "record/supervisor/capture.h"
#include "record/supervisor/channel.h"
#include "record/supervisor/cpu_facts.h"
#include "record/supervisor/launch.h"
#include "record/supervisor/site_planner.h"
#include "trace/model/names.h"
#include "trace/store/event_view.h"
#include "trace/store/writer.h"

extern char** environ;

namespace ckpt {

namespace {

uint64_t now_ns(clockid_t clock) {
  timespec now;
  ::clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

constexpr uint64_t kFlushEvery_ns = 100'000'000, kStuck_ns = 2'000'000'000, kSpinner_ns = 500'000;

volatile sig_atomic_t forward_to;

// Signals that somebody sends to the recorder are meant for the program. Those of a terminal
// reach it without us.
void forward(int signal, siginfo_t* info, void*) {
  if (info->si_code == SI_USER && forward_to > 0) ::kill(forward_to, signal);
}

void forward_signals(pid_t pid) {
  forward_to = pid;
  struct sigaction action = {};
  action.sa_sigaction = forward;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT})
    ::sigaction(signal, &action, nullptr);
  struct sigaction child = {};
  child.sa_handler = [](int) {};
  ::sigaction(SIGCHLD, &child, nullptr);
}

}  // namespace

struct Recorder::State {
  RecordOptions options;
  std::optional<Channel> channel;
  std::optional<Writer> writer;
  std::optional<FileStore> files;
  std::optional<SitePlanner> planner;
  pid_t pid = -1;
  bool ended = false;
  int wait_status = 0;
  bool arrived = false;      // the agent said hello
  bool write_failed = false;
  std::string note;
  std::map<std::string, uint64_t> refused;
  uint64_t started_ns = 0, last_flush_ns = 0, last_tick_ns = 0;
  std::set<uint32_t> spinners;  // tasks that were once found spinning: they get short turns
  uint64_t seen_events = 0, events_since_ns = 0, last_poke_ns = 0;
  TraceEnd end;
  bool end_seen = false;
  TraceHeader header;

  abi::Control& control() { return channel->control(); }
  bool alive() {
    if (!ended && ::waitpid(pid, &wait_status, WNOHANG) == pid) ended = true;
    return !ended;
  }
  // One that lives: the first may have ended.
  pid_t task() { return control().holder_tid ? static_cast<pid_t>(control().holder_tid) : pid; }
  Result<std::string> copy_of(const Mapping& m);
  TraceeMemory memory() {
    return TraceeMemory(*channel, pid, [this] { return alive(); });
  }

  Result<void> prepare(const std::string& shim, const std::string& blob);
  void serve();
  void hello();
  void take_image();
  void plan_site();
  void inspect_code();
  void map_file();
  void final_hashes();
  void count_refused();
  void drain();
  void tick();
  uint64_t patience_ns();
  void unstick(uint64_t now);
  void stop_writing(const Error& error);
  void loop();
  Result<void> finish();
  void summary();
};

Recorder::Recorder(RecordOptions options) : state_(std::make_unique<State>()) { state_->options = std::move(options); }
Recorder::~Recorder() = default;

Result<void> Recorder::State::prepare(const std::string& shim, const std::string& blob) {
  CKPT_TRY(std::string program, find_program(options.command.at(0)));
  CKPT_TRY(files, FileStore::open(options.store_root));
  CKPT_TRY(channel, Channel::create());
  abi::Control& shared = control();
  LaunchPlan plan{.program = program, .shim = shim, .blob = blob, .zone = abi::kZoneCandidates[0]};
  shared.zone_base = plan.zone;
  shared.verify = options.verify;
  shared.verbose = options.verbose;
  shared.calls = options.calls;
  shared.slice_us = options.slice_us;
  shared.go_on_without_supervisor = options.on_recorder_death == OnRecorderDeath::go_on;
  shared.use_fsgsbase = has_fsgsbase();
  shared.trap_mode = options.force_seccomp || !has_user_dispatch();
  if (shared.trap_mode && !has_seccomp_filter())
    return Error{.code = Code::unsupported,
                 .message =
                     "this kernel offers neither syscall user dispatch nor seccomp filters, so the program's calls "
                     "cannot be seen; see ckpt doctor"};
  fill_cpu_facts(&header);
  shared.tsc_hz = header.tsc_hz;
  header.abi_version = abi::kAbiVersion;
  header.argv = options.command;
  for (char** at = environ; *at; at++) header.environment.emplace_back(*at);
  if (char* folder = ::getcwd(nullptr, 0)) {
    header.working_directory = folder;
    std::free(folder);
  }
  header.program = program;
  header.ckpt_version = options.version;
  utsname names;
  ::uname(&names);
  header.kernel = names.release;
  header.zone_base = plan.zone;
  header.started_ns = now_ns(CLOCK_REALTIME);
  CKPT_TRY(Launched launched, launch(plan, options, *channel));
  pid = header.pid = launched.pid;
  CKPT_TRY(writer, Writer::create(options.trace_folder, header));
  started_ns = last_tick_ns = last_flush_ns = events_since_ns = now_ns(CLOCK_MONOTONIC);
  CKPT_CHECK(let_go(launched));
  planner.emplace(SitePlanner::Source{
      .task = [this] { return task(); }, .copy_of = [this](const Mapping& m) { return copy_of(m); }});
  forward_signals(pid);
  return {};
}

void Recorder::State::hello() {
  arrived = true;
  uint64_t* r = control().results;
  r[1] = r[2] = r[3] = r[4] = 0;
  if (auto mappings = read_mappings(pid))
    for (const Mapping& m : *mappings) {
      if (m.name == "[vvar]") r[1] = m.start;
      if (m.name == "[vvar_vclock]") r[2] = m.start;
      if (m.name == "[vdso]") {
        r[3] = m.start;
        r[4] = m.end;
        planner->leave_out(m.start - 4096, m.end);
      }
    }
  channel->answer(1);
}

void Recorder::State::take_image() {
  TaskContext task = read_first_task(*channel);
  TraceeMemory tracee = memory();
  Result<uint64_t> pages = capture_image(tracee, pid, *files, options.trace_folder, 0, task, [](const Mapping&) {});
  if (!pages) stop_writing(pages.error());
  channel->answer(pages.ok());
}

void Recorder::State::plan_site() {
  Result<abi::SitePlan> plan = planner->plan(control().args[1]);
  if (plan) std::memcpy(channel->exchange(), &*plan, sizeof *plan);
  channel->answer(plan.ok());
}

Result<std::string> Recorder::State::copy_of(const Mapping& m) {
  CKPT_TRY(FileHandle file, open_file(m.name, O_RDONLY | O_CLOEXEC));
  auto identity = file_identity(file.get());
  if (!identity || identity->second != m.inode)
    return Error{.code = Code::not_found, .message = text(m.name, ": not the file that is mapped any more")};
  CKPT_TRY(FileCopy copy, files->add(file.get(), options.trace_folder));
  return text(options.trace_folder, "/files/", copy.hash);
}

void Recorder::State::inspect_code() {
  const uint64_t* args = control().args;
  if (args[2]) planner->inspect_code(args[0], args[1]);
  std::vector<abi::SitePlan> changes = planner->take_changes(abi::kMaxPlans);
  std::memcpy(channel->exchange(), changes.data(), changes.size() * sizeof(abi::SitePlan));
  control().results[1] = !planner->knows_all_code();
  channel->answer(changes.size());
}

void Recorder::State::map_file() {
  uint64_t address = control().args[0], descriptor = control().args[5];
  uint64_t* r = control().results;
  std::memset(r, 0, sizeof control().results);
  uint64_t known = 0;
  planner->forget_mappings();
  Result<FileHandle> file =
      open_file(text("/proc/", task(), "/fd/", static_cast<int>(descriptor)), O_RDONLY | O_CLOEXEC);
  if (file) {
    if (auto identity = file_identity(file->get())) {
      Result<FileCopy> copy = files->add(file->get(), options.trace_folder);
      if (copy) {
        known = 1;
        r[1] = std::stoull(copy->hash.substr(0, 16), nullptr, 16);
        r[2] = std::stoull(copy->hash.substr(16), nullptr, 16);
        r[3] = copy->bytes;
        r[4] = identity->first;
        r[5] = identity->second;
      } else {
        // Replay could not show it: as with every write that fails, the trace ends before it.
        drain();
        stop_writing(copy.error());
      }
    }
  }
  (void)address;
  channel->answer(known);
}

void Recorder::State::final_hashes() {
  TraceeMemory tracee = memory();
  auto write = [&]() -> Result<void> {
    CKPT_TRY(FinalHashWriter hashes, FinalHashWriter::create(options.trace_folder, kFinalHashes));
    PageSink sink{.region = [&](const Region& region) { return hashes.add_region(region); },
                  .pages = [&](uint64_t at, std::span<const std::byte> bytes) { return hashes.add_pages(at, bytes); }};
    CKPT_CHECK(show_memory(tracee, sink));
    return hashes.finish();
  };
  Result<void> written = write();
  if (!written) stop_writing(written.error());
  end.has_final_hash = written.ok();
  channel->answer(written.ok());
}

void Recorder::State::count_refused() {
  uint64_t number = control().args[0], sub_call = control().args[1];
  std::string name(model::syscall_name(static_cast<uint32_t>(number)));
  if (name.empty()) name = text("syscall ", number);
  std::string what = sub_call ? text(name, " 0x", std::hex, sub_call) : name;
  if (refused[what]++ == 0 && options.verbose) std::fprintf(stderr, "ckpt: %s: refused\n", what.c_str());
  channel->answer(1);
}

void Recorder::State::serve() {
  if (!channel->asked()) return;
  switch (control().request) {
    case abi::Request::hello: return hello();
    case abi::Request::image: return take_image();
    case abi::Request::site: return plan_site();
    case abi::Request::code: return inspect_code();
    case abi::Request::file_mapped: return map_file();
    case abi::Request::final_hash: return final_hashes();
    case abi::Request::refused: return count_refused();
    default: channel->answer(0);
  }
}

void Recorder::State::stop_writing(const Error& error) {
  if (write_failed) return;
  write_failed = true;
  note = error.message;
  std::fprintf(stderr, "ckpt: %s: recording stops here, the trace is valid up to event %llu; %s\n",
               error.message.c_str(), static_cast<unsigned long long>(writer->events()),
               options.on_full == OnFull::end ? "the program is ended" : "the program goes on");
  if (options.on_full == OnFull::end && !ended) ::kill(pid, SIGKILL);
}

void Recorder::State::drain() {
  abi::Control& shared = control();
  uint64_t written = __atomic_load_n(&shared.ring_written, __ATOMIC_ACQUIRE);
  while (shared.ring_read != written) {
    uint64_t bytes = std::min<uint64_t>(written - shared.ring_read, 1u << 20);
    const std::byte* at = channel->ring() + (shared.ring_read & (abi::kRingBytes - 1));
    // Whole events only: walk to the last one that begins inside.
    uint64_t taken = 0;
    while (taken < bytes) {
      auto* header = reinterpret_cast<const abi::EventHeader*>(at + taken);
      if (header->kind == abi::EventKind::end) {
        end_seen = true;
        end.how = static_cast<abi::EndHow>(header->number);
        end.status = header->result;
      }
      taken += header->bytes;
    }
    if (!write_failed)
      if (auto done = writer->append({at, taken}); !done) stop_writing(done.error());
    __atomic_store_n(&shared.ring_read, shared.ring_read + taken, __ATOMIC_RELEASE);
    __atomic_fetch_add(&shared.producer_waits, 1u, __ATOMIC_RELEASE);
    ::syscall(SYS_futex, &shared.producer_waits, 1 /* FUTEX_WAKE */, 1, nullptr, nullptr, 0);
  }
}

// How long a task may go without events while others wait.
uint64_t Recorder::State::patience_ns() {
  uint64_t slice = options.slice_us * 1000ull;
  if (control().inexact && spinners.contains(control().holder_task)) return std::min(slice, kSpinner_ns);
  return control().inexact ? slice : kStuck_ns;
}

// A task that holds the turn without events while another waits: after a long time it is
// interrupted where it is. Once a trace is not exact any more nothing is lost by doing so at
// the end of every slice.
void Recorder::State::unstick(uint64_t now) {
  abi::Control& shared = control();
  if (shared.events_written != seen_events) {
    seen_events = shared.events_written;
    events_since_ns = now;
    return;
  }
  bool wanted = shared.waiting_tasks > 0 || shared.attention != 0;
  uint64_t patience = patience_ns();
  if (!wanted || shared.holder_tid == 0 || now - events_since_ns < patience || now - last_poke_ns < patience) return;
  last_poke_ns = now;
  spinners.insert(shared.holder_task);
  if (options.verbose && !shared.inexact)
    std::fprintf(stderr,
                 "ckpt: task %u makes no event while others wait: it is interrupted; replay finds such places by "
                 "registers and stack, which may not be exact past event %llu\n",
                 shared.holder_task, static_cast<unsigned long long>(shared.events_written));
  ::syscall(SYS_tgkill, pid, shared.holder_tid, kControlSignalNumber);
}

void Recorder::State::tick() {
  uint64_t now = now_ns(CLOCK_MONOTONIC);
  abi::Control& shared = control();
  shared.time_100us = static_cast<uint32_t>((now - started_ns) / 100'000);
  if (now - last_tick_ns >= options.slice_us * 1000ull) {
    last_tick_ns = now;
    __atomic_fetch_add(&shared.tick, 1u, __ATOMIC_RELEASE);
    if (shared.waiting_tasks > 0) __atomic_store_n(&shared.attention, 1u, __ATOMIC_RELEASE);
  }
  unstick(now);
  if (now - last_flush_ns >= kFlushEvery_ns && !write_failed) {
    last_flush_ns = now;
    if (auto done = writer->flush(); !done) stop_writing(done.error());
  }
}

void Recorder::State::loop() {
  while (alive()) {
    if (channel->asked()) {
      serve();
      events_since_ns = now_ns(CLOCK_MONOTONIC);  // its time was ours
    }
    drain();
    tick();
    bool watched = control().waiting_tasks > 0 && spinners.contains(control().holder_task);
    if (!channel->asked()) channel->wait(watched ? kSpinner_ns / 1000 : options.slice_us);
  }
  drain();
}

Result<void> Recorder::State::finish() {
  if (!write_failed)
    if (auto done = writer->flush(); !done) stop_writing(done.error());
  if (!end_seen) {
    end.how = WIFSIGNALED(wait_status) ? abi::EndHow::signal : control().execs ? abi::EndHow::exec : abi::EndHow::lost;
    end.status = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
  }
  end.ended_ns = now_ns(CLOCK_REALTIME);
  end.children = control().children;
  end.slow_entries = control().slow_entries;
  end.inexact_event = control().inexact;
  end.discarded = write_failed;
  end.note = note;
  for (const auto& [what, count] : refused)
    end.refused.push_back(text(what, " (", count, count == 1 ? " time)" : " times)"));
  return writer->finish(end);
}

void Recorder::State::summary() {
  if (!options.verbose) return;
  for (const auto& slow : planner->slow())
    std::fprintf(stderr, "ckpt: %s: stays on the slow path: %s\n", slow.where.c_str(), slow.reason.c_str());
  for (const auto& unknown : planner->unknown())
    std::fprintf(stderr, "ckpt: %s: %s: time stamps trap, which is slower\n", unknown.where.c_str(),
                 unknown.reason.c_str());
  for (const std::string& what : end.refused) std::fprintf(stderr, "ckpt: refused: %s\n", what.c_str());
  std::fprintf(stderr,
               "ckpt: %s: %llu events, %llu switches, %llu sites patched, %llu slow entries, %llu unrecorded children, "
               "%llu bytes\n",
               options.trace_folder.c_str(), static_cast<unsigned long long>(writer->events()),
               static_cast<unsigned long long>(control().switches), static_cast<unsigned long long>(planner->patched()),
               static_cast<unsigned long long>(end.slow_entries), static_cast<unsigned long long>(end.children),
               static_cast<unsigned long long>(writer->stored_bytes()));
}

Result<RecordOutcome> Recorder::run(const std::string& shim, const std::string& blob) {
  State& s = *state_;
  CKPT_CHECK(s.prepare(shim, blob));
  s.loop();
  if (!s.arrived && s.control().failed_line == 1)
    return Error{
        .code = Code::io,
        .message = text(s.options.command[0], ": ", std::strerror(static_cast<int>(s.control().failed_values[0])))};
  if (auto done = s.finish(); !done && !s.write_failed) return done.error();
  s.summary();
  if (!s.arrived)
    return Error{
        .code = Code::unsupported,
        .message =
            text(s.options.command[0],
                 ": the agent was not loaded into it, nothing is recorded; is it a static or set-user-id program?")};
  RecordOutcome outcome{.by_signal = WIFSIGNALED(s.wait_status)};
  outcome.status = outcome.by_signal ? WTERMSIG(s.wait_status) : WEXITSTATUS(s.wait_status);
  if (s.control().failed_line) {
    outcome.agent_failed = true;
    std::fprintf(
        stderr,
        "ckpt: internal error of the agent, line %u (0x%llx 0x%llx 0x%llx); the trace is valid up to event %llu\n",
        s.control().failed_line, static_cast<unsigned long long>(s.control().failed_values[0]),
        static_cast<unsigned long long>(s.control().failed_values[1]),
        static_cast<unsigned long long>(s.control().failed_values[2]),
        static_cast<unsigned long long>(s.writer->events()));
  }
  return outcome;
}

}  // namespace ckpt
