// ckpt-record: runs a program and writes its trace.
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "record/supervisor/launch.h"
#include "record/supervisor/recorder.h"
#include "tools/command.h"
#include "tools/paths.h"

namespace {

constexpr int kOurFailure = 125, kNotExecutable = 126, kNotFound = 127;

int fail(const ckpt::Error& error) {
  return ckpt::complain(kOurFailure, error);
}

// The program cannot be recorded.
int refuse(const ckpt::Error& error) {
  bool is_missing = error.code == ckpt::Code::not_found, cannot_run = error.code == ckpt::Code::io;
  return ckpt::complain(is_missing ? kNotFound : cannot_run ? kNotExecutable : kOurFailure, error);
}

void add_options(CLI::App& app, ckpt::RecordOptions& options, std::string& death, std::string& full) {
  app.add_option("-o,--output", options.trace_folder, "folder of the trace (default: PROGRAM-N in the store)");
  app.add_option("--slice-us", options.slice_us, "how long a task keeps the turn while others wait, in microseconds")
      ->check(CLI::Range(100u, 10'000'000u));
  app.add_flag("--verify", options.verify, "also hash all memory when the program ends");
  app.add_flag("--calls", options.calls,
               "also log every call of malloc, pthread_mutex_lock and their like, which is slow");
  app.add_flag("-v,--verbose", options.verbose, "say what is slow or refused, and sum up at the end");
  app.add_option("--on-recorder-death", death, "what the program does if the recorder is killed: continue or end")
      ->check(CLI::IsMember({"continue", "end"}));
  app.add_option("--on-full", full, "what the program does if the trace cannot be written: continue or end")
      ->check(CLI::IsMember({"continue", "end"}));
  app.add_flag("--seccomp", options.force_seccomp, "trap calls by a seccomp filter even where user dispatch works");
  app.add_option("command", options.command, "program and its arguments")->required();
}

// Ends as the program did.
[[noreturn]] void end_like(const ckpt::RecordOutcome& outcome) {
  if (outcome.agent_failed) ::_exit(kOurFailure);
  if (!outcome.by_signal) ::_exit(outcome.status);
  rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);  // the program left the core, not we
  ::signal(outcome.status, SIG_DFL);
  sigset_t open;
  sigemptyset(&open);
  sigaddset(&open, outcome.status);
  ::sigprocmask(SIG_UNBLOCK, &open, nullptr);
  ::raise(outcome.status);
  ::_exit(128 + outcome.status);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Records a program: run it as you would, with `ckpt record` before it.", "ckpt record");
  app.positionals_at_end();
  app.prefix_command(false);
  ckpt::RecordOptions options;
  std::string death = "continue", full = "continue";
  add_options(app, options, death, full);
  // Options end at the program's name: what follows is the program's.
  int own = 1;
  while (own < argc && argv[own][0] == '-' && std::string_view(argv[own]) != "--") {
    std::string_view word = argv[own];
    bool takes_value = word == "-o" || word == "--output" || word == "--slice-us" || word == "--on-recorder-death" ||
                       word == "--on-full";
    own += takes_value ? 2 : 1;
  }
  std::vector<std::string> command;
  if (own < argc && std::string_view(argv[own]) == "--") own++;
  for (int i = own; i < argc; i++) command.emplace_back(argv[i]);
  try {
    std::vector<std::string> words;
    for (int i = std::min(own, argc) - 1; i >= 1; i--)
      if (std::string_view(argv[i]) != "--") words.emplace_back(argv[i]);
    app.remove_option(app.get_option("command"));
    app.parse(words);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    return ckpt::complain(kOurFailure, ckpt::text(error.what(), "; see ckpt record --help"));
  }
  if (command.empty()) return ckpt::complain(kOurFailure, "no program given; see ckpt record --help");
  options.command = std::move(command);
  options.on_recorder_death = death == "end" ? ckpt::OnRecorderDeath::end : ckpt::OnRecorderDeath::go_on;
  options.on_full = full == "end" ? ckpt::OnFull::end : ckpt::OnFull::go_on;
  options.store_root = ckpt::store_root();
  options.version = CKPT_VERSION;
  auto shim = ckpt::library_file("libckpt-shim.so");
  if (!shim) return fail(shim.error());
  auto blob = ckpt::library_file("ckpt-agent-record.bin");
  if (!blob) return fail(blob.error());
  // Asked before anything is made.
  if (auto program = ckpt::find_program(options.command[0]); !program) return refuse(program.error());
  const ckpt::Before before = ckpt::look_before_recording(options.trace_folder);
  if (options.trace_folder.empty()) {
    auto folder = ckpt::new_trace_folder(options.command[0]);
    if (!folder) return fail(folder.error());
    options.trace_folder = *folder;
  }
  ckpt::Recorder recorder(options);
  auto outcome = recorder.run(*shim, *blob);
  if (!outcome) {
    // Not executed (io without an errno), or without the agent: the trace is begun, and empty.
    bool not_executed = outcome.error().code == ckpt::Code::io && outcome.error().os_errno == 0;
    if (not_executed || outcome.error().code == ckpt::Code::unsupported) ckpt::remove_empty_trace(options.trace_folder);
    ckpt::take_back_folder(options.trace_folder, before);
    return not_executed ? refuse(outcome.error()) : fail(outcome.error());
  }
  end_like(*outcome);
}
