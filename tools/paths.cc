#include "tools/paths.h"

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <vector>

#include "trace/store/files.h"

namespace ckpt {
namespace {

constexpr std::string_view kLatest = "latest";
constexpr size_t kMaxProgramBytes = 100;
constexpr int kMaxAttempts = 10'000;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

bool is_file(const std::string& path) {
  struct stat facts;
  return stat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode);
}

// mkdir -p; new folders belong to their owner only.
Result<void> make_folders(const std::string& path) {
  for (size_t at = 1; at <= path.size(); ++at) {
    if (at != path.size() && path[at] != '/') continue;
    std::string part = path.substr(0, at);
    if (mkdir(part.c_str(), 0700) == 0 || errno == EEXIST) continue;
    return io_error(text("make folder ", part));
  }
  struct stat facts;
  if (stat(path.c_str(), &facts) != 0) return io_error(text("folder ", path));
  if (!S_ISDIR(facts.st_mode))
    return Error{.code = Code::io, .message = text(path, " is not a folder; set CKPT_TRACE_DIR"), .os_errno = ENOTDIR};
  return {};
}

// The last part of the program's path, with nothing in it that a shell or a link would mind.
std::string trace_stem(const std::string& program) {
  std::string stem = program.substr(program.find_last_of('/') + 1).substr(0, kMaxProgramBytes);
  for (char& c : stem) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '+' ||
                 c == '-' || c == '.';
    if (!plain) c = '_';
  }
  if (stem.empty()) return "trace";
  if (stem[0] == '.' || stem[0] == '-') stem[0] = '_';
  return stem;
}

// The highest N of the folders STEM-N in `root`, or 0.
uint64_t highest_number(const std::string& root, const std::string& stem) {
  uint64_t highest = 0;
  DIR* folder = opendir(root.c_str());
  if (!folder) return 0;
  while (dirent* entry = readdir(folder)) {
    std::string_view name = entry->d_name;
    if (name.size() < stem.size() + 2 || !name.starts_with(stem) || name[stem.size()] != '-') continue;
    name.remove_prefix(stem.size() + 1);
    uint64_t number = 0;
    auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (failed == std::errc() && end == name.data() + name.size() && number < UINT32_MAX)
      highest = std::max(highest, number);
  }
  closedir(folder);
  return highest;
}

// A link cannot be replaced in place: make one under a name nobody else uses, and rename it over the old.
Result<void> point_latest_at(const std::string& root, const std::string& name) {
  std::string temporary = text(root, "/.latest.", name);
  unlink(temporary.c_str());
  if (symlink(name.c_str(), temporary.c_str()) != 0) return io_error(text("make link ", temporary));
  std::string latest = text(root, "/", kLatest);
  if (rename(temporary.c_str(), latest.c_str()) == 0) return {};
  Error error = io_error(text("make link ", latest));
  unlink(temporary.c_str());
  return error;
}

// Where the link leads, or nothing.
std::string link_target(const std::string& link) {
  std::array<char, PATH_MAX> target;
  ssize_t bytes = readlink(link.c_str(), target.data(), target.size());
  return std::string(target.data(), bytes > 0 ? static_cast<size_t>(bytes) : 0);
}

}  // namespace

std::string executable_folder() {
  std::array<char, PATH_MAX> path;
  ssize_t bytes = readlink("/proc/self/exe", path.data(), path.size());
  if (bytes <= 0 || bytes == static_cast<ssize_t>(path.size())) return ".";
  std::string_view full(path.data(), static_cast<size_t>(bytes));
  return std::string(full.substr(0, std::max<size_t>(full.find_last_of('/'), 1)));
}

Result<std::string> library_file(std::string_view name) {
  std::vector<std::string> folders;
  if (std::string own = environment("CKPT_LIB_DIR"); !own.empty()) {
    folders = {own};
  } else {
    std::string beside = executable_folder();
    std::string libdir = CKPT_LIBDIR;
    // A build has lib/ckpt whatever the prefix will use, such as lib64 or lib/x86_64-linux-gnu.
    folders = {beside + "/lib/ckpt", beside + "/../lib/ckpt",
               libdir.starts_with('/') ? libdir + "/ckpt" : beside + "/../" + libdir + "/ckpt"};
  }
  for (const std::string& folder : folders)
    if (std::string path = text(folder, "/", name); is_file(path)) return path;
  return Error{.code = Code::not_found,
               .message = text(name, ": not in ", folders.back(), "; install ckpt again or set CKPT_LIB_DIR"),
               .os_errno = ENOENT};
}

Result<std::string> command_file(const std::string& name) {
  std::string folders = executable_folder() + ":" + environment("PATH");
  for (size_t from = 0; from <= folders.size();) {
    size_t to = std::min(folders.find(':', from), folders.size());
    std::string path = text(folders.substr(from, to - from), "/", name);
    if (path[0] == '/' && is_file(path) && access(path.c_str(), X_OK) == 0) return path;
    from = to + 1;
  }
  return Error{.code = Code::not_found,
               .message = text(name, ": neither beside ckpt nor in PATH; install ckpt again"),
               .os_errno = ENOENT};
}

std::string store_root() {
  return default_store_root();
}

bool is_trace_folder(const std::string& folder) {
  return is_file(folder + "/header");
}

Result<std::string> resolve_trace(const std::string& name) {
  std::string root = store_root();
  if (name.empty() || name == kLatest) {
    std::string latest = text(root, "/", kLatest);
    // The folder's own name reads better in messages than the link's.
    if (std::string linked = link_target(latest); !linked.empty()) {
      std::string folder = linked[0] == '/' ? linked : text(root, "/", linked);
      if (is_trace_folder(folder)) return folder;
    }
    return Error{.code = Code::not_found,
                 .message = text("trace latest: none in ", root, "; record one with ckpt record, or name a folder"),
                 .os_errno = ENOENT};
  }
  if (is_trace_folder(name)) return name;
  bool plain = name.find('/') == std::string::npos;
  if (plain && is_trace_folder(text(root, "/", name))) return text(root, "/", name);
  struct stat facts;
  if (stat(name.c_str(), &facts) == 0)
    return Error{.code = Code::not_found, .message = text("trace ", name, ": is not a trace; see ckpt-trace ls")};
  if (plain)
    return Error{.code = Code::not_found,
                 .message = text("trace ", name, ": neither a folder nor in the store ", root, "; see ckpt-trace ls"),
                 .os_errno = ENOENT};
  return Error{.code = Code::not_found,
               .message = text("trace ", name, ": no such folder; see ckpt-trace ls"),
               .os_errno = ENOENT};
}

Result<std::string> new_trace_folder(const std::string& program) {
  std::string root = store_root();
  CKPT_CHECK(make_folders(root));
  std::string stem = trace_stem(program);
  uint64_t number = highest_number(root, stem);
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    std::string name = text(stem, "-", ++number);
    std::string folder = text(root, "/", name);
    if (mkdir(folder.c_str(), 0700) == 0) {
      Result<void> pointed = point_latest_at(root, name);
      if (pointed) return folder;
      rmdir(folder.c_str());
      return pointed.error();
    }
    if (errno != EEXIST) return io_error(text("make folder ", folder));
  }
  return Error{.code = Code::limit, .message = text("store ", root, ": no free name for ", stem, "; use -o")};
}

Before look_before_recording(const std::string& folder) {
  struct stat facts;
  return {.had_folder = !folder.empty() && lstat(folder.c_str(), &facts) == 0,
          .latest = link_target(text(store_root(), "/", kLatest))};
}

void remove_empty_trace(const std::string& folder) {
  struct stat facts;
  if (is_file(folder + "/image-0") || stat((folder + "/events").c_str(), &facts) != 0 || facts.st_size != 0) return;
  for (const char* file : {"/events", "/end", "/header"}) unlink((folder + file).c_str());
}

void take_back_folder(const std::string& folder, const Before& before) {
  if (before.had_folder || rmdir(folder.c_str()) != 0) return;
  std::string root = store_root(), latest = text(root, "/", kLatest);
  // Another recording may have begun since.
  if (text(root, "/", link_target(latest)) != folder) return;
  if (before.latest.empty())
    unlink(latest.c_str());
  else
    (void)point_latest_at(root, before.latest);
}

}  // namespace ckpt
