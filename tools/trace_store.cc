// ckpt-trace ls and rm: the traces of a store.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "tools/command.h"
#include "tools/paths.h"
#include "tools/trace_commands.h"

namespace ckpt {
namespace {

struct Closer {
  void operator()(DIR* folder) const { closedir(folder); }
};

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::unique_ptr<DIR, Closer> open(opendir(folder.c_str()));
  while (dirent* entry = open ? readdir(open.get()) : nullptr) {
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

// ---- ls -------------------------------------------------------------------------------------

struct Listed {
  std::string name;
  std::string program = "";
  uint64_t events = 0;
  uint64_t bytes = 0;
  std::string state = "damaged";
  uint64_t started_ns = 0;
};

Listed listed(const std::string& folder) {
  Listed row{.name = trace_name(folder), .bytes = own_bytes(folder)};
  auto reader = Reader::open(folder);
  if (!reader) return row;
  row.program = reader->header().program;
  row.started_ns = reader->header().started_ns;
  if (auto events = reader->events()) row.events = *events;
  if (auto state = state_of(*reader)) row.state = state_name(*state);
  return row;
}

// The traces of the store, oldest first.
std::vector<Listed> traces_in(const std::string& root) {
  std::vector<Listed> rows;
  for (const std::string& name : names_in(root)) {
    std::string folder = text(root, "/", name);
    struct stat facts;
    // The link `latest` is no trace of its own.
    if (lstat(folder.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode) && is_trace_folder(folder))
      rows.push_back(listed(folder));
  }
  std::stable_sort(rows.begin(), rows.end(), [](auto& a, auto& b) { return a.started_ns < b.started_ns; });
  return rows;
}

Result<void> list(const FormOptions& form) {
  RowPrinter printer(stdout, form.form(), {"name", "program", "events", "bytes", "state", "date"});
  for (const Listed& row : traces_in(store_root()))
    printer.row({row.name, row.program, static_cast<int64_t>(row.events), static_cast<int64_t>(row.bytes), row.state,
                 row.started_ns ? printed_date(row.started_ns) : ""});
  return printer.finish();
}

// ---- rm -------------------------------------------------------------------------------------

// Only what a trace is made of is removed: a folder that holds more keeps the rest.
bool is_of_a_trace(const std::string& name) {
  for (const char* whole : {"header", "events", "end"})
    if (name == whole) return true;
  for (const char* start : {"image-", "hashes-", "index.sqlite"})
    if (name.starts_with(start)) return true;
  return false;
}

// Removes a trace's file copies, and those of the store that no trace has any more.
void remove_copies(const std::string& folder, const std::string& store) {
  for (const std::string& name : names_in(folder + "/files")) {
    std::string own = text(folder, "/files/", name), shared = text(store, "/files/", name);
    struct stat mine, theirs;
    bool last = lstat(own.c_str(), &mine) == 0 && lstat(shared.c_str(), &theirs) == 0 && mine.st_dev == theirs.st_dev &&
                mine.st_ino == theirs.st_ino && mine.st_nlink == 2;
    unlink(own.c_str());
    if (last) unlink(shared.c_str());
  }
  rmdir((folder + "/files").c_str());
}

// `latest` shall name a trace that is there.
void mend_latest(const std::string& store) {
  std::string latest = store + "/latest";
  struct stat facts;
  if (lstat(latest.c_str(), &facts) != 0 || !S_ISLNK(facts.st_mode) || is_trace_folder(latest)) return;
  unlink(latest.c_str());
  auto traces = traces_in(store);
  if (!traces.empty() && symlink(traces.back().name.c_str(), latest.c_str()) != 0) return;
}

Result<void> remove_trace(const std::string& name, bool force) {
  CKPT_TRY(std::string folder, resolve_trace(name));
  if (auto reader = Reader::open(folder); reader) {
    auto state = state_of(*reader);
    if (!force && state && *state == TraceState::recording)
      return Error{.code = Code::usage, .message = text("trace ", name, ": is still being recorded; see --force")};
  } else if (!force) {
    return Error{.code = reader.error().code,
                 .message = text(reader.error().message, "; nothing is removed, see ckpt-trace rm --force")};
  }
  std::string store = store_root();
  remove_copies(folder, store);
  // The header goes last: what is left of an interrupted removal is still a trace.
  for (const std::string& file : names_in(folder))
    if (is_of_a_trace(file) && file != "header" && unlink(text(folder, "/", file).c_str()) != 0)
      return io_error(text("remove ", folder, "/", file));
  if (unlink((folder + "/header").c_str()) != 0) return io_error(text("remove ", folder, "/header"));
  if (rmdir(folder.c_str()) != 0)
    return Error{.code = Code::io,
                 .message = text("folder ", folder, ": holds files that are of no trace; they are left"),
                 .os_errno = errno};
  mend_latest(store);
  return {};
}

}  // namespace

Run add_ls(CLI::App& app) {
  auto form = std::make_shared<FormOptions>();
  CLI::App* command = app.add_subcommand("ls", "the traces of the store, oldest first");
  command->footer("Bytes do not count copies of files that are shared with the store.");
  add_form(*command, *form);
  return [form] {
    auto done = list(*form);
    return done ? 0 : fail(done.error());
  };
}

Run add_rm(CLI::App& app) {
  struct Options {
    std::vector<std::string> traces;
    bool force = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("rm", "remove traces, and the file copies only they had");
  command->add_option("TRACE", options->traces, "folders or names in the store")->required();
  command->add_flag("--force", options->force, "also one that is damaged or being recorded");
  return [options] {
    for (const std::string& trace : options->traces)
      if (auto done = remove_trace(trace, options->force); !done) return fail(done.error());
    return 0;
  };
}

}  // namespace ckpt
