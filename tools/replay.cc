// ckpt-replay: runs a trace again, exactly, to its end.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "replay/timeline/replayer.h"
#include "tools/command.h"
#include "tools/paths.h"

namespace {

constexpr int kAgreed = 0, kDiverged = 3, kInexact = 4;

int fail(const ckpt::Error& error) {
  return ckpt::complain(ckpt::kExitFailed, error);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Replays a recorded program to its end, writing what it wrote to its standard streams.", "ckpt replay");
  ckpt::ReplayOptions options;
  std::string trace;
  app.add_option("trace", trace, "folder of the trace, or its name in the store (default: latest)");
  app.add_flag("-q,--quiet", options.quiet, "do not write what the program wrote");
  app.add_flag("--verify", options.verify, "compare all memory with the hashes of `ckpt record --verify`");
  app.add_flag("-v,--verbose", options.verbose, "say how many events were replayed");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    return ckpt::complain(ckpt::kExitFailed, ckpt::text(error.what(), "; see ckpt replay --help"));
  }
  auto folder = ckpt::resolve_trace(trace);
  if (!folder) return fail(folder.error());
  options.trace_folder = *folder;
  auto blob = ckpt::library_file("ckpt-agent-replay.bin");
  if (!blob) return fail(blob.error());
  auto outcome = ckpt::replay(options, *blob);
  if (!outcome) return fail(outcome.error());
  if (outcome->diverged) {
    std::fprintf(stderr, "ckpt: %s: replay diverged\n%s", options.trace_folder.c_str(), outcome->report.c_str());
    return kDiverged;
  }
  if (!outcome->report.empty()) std::fprintf(stderr, "ckpt: %s", outcome->report.c_str());
  if (options.verify && !outcome->verified && !outcome->inexact)
    std::fprintf(stderr, "ckpt: %s: no page hashes in it (record with --verify); events and arguments agreed\n",
                 options.trace_folder.c_str());
  if (options.verbose)
    std::fprintf(stderr, "ckpt: %s: %llu events replayed%s\n", options.trace_folder.c_str(),
                 static_cast<unsigned long long>(outcome->events), outcome->verified ? ", memory verified" : "");
  return outcome->inexact ? kInexact : kAgreed;
}
