// ckpt-doctor: says, one row for each thing, what the machine offers and what is used for it or
// instead of it.
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "tools/command.h"
#include "tools/machine.h"
#include "tools/paths.h"
#include "tools/probe.h"
#include "tools/rows.h"

namespace {

using namespace ckpt;

// One row that comes from a try.
struct Tried {
  const char* thing;
  Probe probe;
  const char* used_for;      // when it is offered
  const char* used_instead;  // when it is not
};

constexpr Tried kTried[] = {
    {"syscall user dispatch", probe_user_dispatch, "to see every syscall of the program",
     "a seccomp filter, or nothing"},
    {"seccomp filter", probe_seccomp_trap, "in place of user dispatch where that is missing",
     "not needed with user dispatch"},
    {"FSGSBASE", probe_fsgsbase, "to find a task's state, 12 ns", "arch_prctl, a syscall of about 100 ns"},
    {"PR_SET_TSC", probe_tsc_trap, "to see rdtsc in code that is not known", "none: such code may diverge"},
    {"cpuid faulting", probe_cpuid_fault, "not needed: the trace holds the cpuid table",
     "the trace holds the cpuid table, replay compares it"},
    {"userfaultfd", probe_userfaultfd, "for write tracking", "a forked child that compares pages"},
    {"userfaultfd WP_ASYNC", probe_write_tracking, "to find the pages written between checkpoints",
     "a forked child that compares pages"},
    {"PAGEMAP_SCAN", probe_pagemap_scan, "to list the written pages", "a forked child that compares pages"},
    {"ptrace", probe_ptrace, "not needed to record", "not needed to record"},
    {"hardware branch counter", probe_hardware_counter, "not needed: replay counts in software",
     "replay counts in software"},
};

class Report final {
 public:
  explicit Report(Form form) : printer_(stdout, form, {"thing", "offered", "use"}) {}
  void row(const std::string& thing, const std::string& offered, const std::string& use) {
    printer_.row({thing, offered, use});
  }
  Result<void> finish() { return printer_.finish(); }

 private:
  RowPrinter printer_;
};

std::string offered(const Answer& answer) {
  std::string word = answer.offered ? "yes" : "no";
  return answer.detail.empty() ? word : text(word, ": ", answer.detail);
}

// Prints the rows of the tries; returns whether the program's syscalls can be seen at all.
bool report_tries(Report& report) {
  bool dispatch = false, seccomp = false;
  for (const Tried& tried : kTried) {
    Answer answer = try_in_child(tried.probe);
    if (tried.probe == probe_user_dispatch) dispatch = answer.offered;
    if (tried.probe == probe_seccomp_trap) seccomp = answer.offered;
    const char* use = answer.offered ? tried.used_for : tried.used_instead;
    if (tried.probe == probe_user_dispatch && !dispatch) use = "a seccomp filter, if the next row offers it";
    if (tried.probe == probe_seccomp_trap && !seccomp && !dispatch) use = "none: ckpt cannot record here";
    report.row(tried.thing, offered(answer), use);
  }
  return dispatch || seccomp;
}

void report_processor(Report& report) {
  report.row("AVX-512", has_avx512() ? "yes" : "no",
             has_avx512() ? "a trace that uses it needs it to replay" : "traces that use it cannot be replayed here");
  report.row("XSAVE state", text(xsave_bytes(), " bytes"), "saved for each task at a switch of a replay");
  unsigned processors = std::thread::hardware_concurrency();
  auto quota = cgroup_cpus();
  report.row("processors", quota ? text(processors, ", limited to ", *quota) : text(processors),
             "the program on one at a time, the recorder on another");
}

void report_limits(Report& report) {
  constexpr uint64_t kZoneBytes = uint64_t{8} << 30, kDescriptors = 64, kMaps = 65530;
  auto descriptors = resource_limit(RLIMIT_NOFILE), space = resource_limit(RLIMIT_AS), memory = cgroup_memory_bytes();
  report.row("open files", descriptors ? text(*descriptors) : "unlimited",
             descriptors && *descriptors < kDescriptors ? "too few: raise it with ulimit -n"
                                                        : "the recorder's own lie at the upper end");
  report.row(
      "address space", space ? printed_bytes(*space) : "unlimited",
      space && *space < 2 * kZoneBytes ? "too little: raise it with ulimit -v" : "8 GiB of it is reserved, not used");
  report.row("memory of the container", memory ? printed_bytes(*memory) : "unlimited",
             "at most 64 MiB by the recorder, beside the program's");
  auto maps = number_in_file("/proc/sys/vm/max_map_count");
  report.row(
      "vm.max_map_count", maps ? text(*maps) : "unknown",
      maps && *maps < kMaps ? "low: programs with many mappings may not replay" : "one for each run of pages restored");
  auto overcommit = number_in_file("/proc/sys/vm/overcommit_memory");
  report.row(
      "vm.overcommit_memory", overcommit ? text(*overcommit) : "unknown",
      overcommit == 2 ? "strict: snapshots of large programs may be refused" : "snapshots of a replay are forks");
}

void report_store(Report& report) {
  std::string root = store_root();
  auto room = free_disk_bytes(root);
  report.row("disk of the store", room ? text(printed_bytes(*room), " free") : "unknown", text("traces go to ", root));
  report.row("kernel", kernel_version(), "5.11 or newer is best; 6.7 for write tracking");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Says what this machine offers, and what ckpt uses for it or instead of it.", "ckpt-doctor");
  bool json = false;
  app.add_flag("--json", json, "one JSON object a line");
  app.footer("Exit status: 0 ckpt can record here, 1 it cannot, 2 usage.");
  add_version(app);
  if (auto status = parse(app, argc, argv)) return *status;

  Report report(json ? Form::json : Form::table);
  bool can_record = report_tries(report);
  report_processor(report);
  report_limits(report);
  report_store(report);
  if (auto done = report.finish(); !done) return complain(kExitFailed, done.error());
  return can_record ? 0 : complain(kExitProblem, "this machine: neither user dispatch nor seccomp; allow one of them");
}
