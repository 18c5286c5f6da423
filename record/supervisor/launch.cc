#include "record/supervisor/launch.h"

#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <vector>

extern char** environ;

namespace ckpt {

namespace {

Error cannot(const std::string& path, const char* why) {
  return Error{.code = Code::unsupported, .message = text(path, ": ", why)};
}

// Whether ld.so will load the program, and with it the shim.
Result<void> check_recordable(const std::string& path, int depth) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return io_error(path);
  char head[256] = {};
  file.read(head, sizeof head - 1);
  if (head[0] == '#' && head[1] == '!' && depth < 4) {
    std::string line(head + 2);
    size_t from = line.find_first_not_of(" \t"), to = line.find_first_of(" \t\n", from);
    if (from == std::string::npos) return cannot(path, "its first line names no interpreter");
    return check_recordable(line.substr(from, to - from), depth + 1);
  }
  Elf64_Ehdr elf;
  std::memcpy(&elf, head, sizeof elf);
  if (std::memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0) return {};  // the kernel says what is wrong
  if (elf.e_ident[EI_CLASS] != ELFCLASS64 || elf.e_machine != EM_X86_64)
    return cannot(path, "not an x86-64 program; only those can be recorded");
  struct stat facts;
  bool found = ::stat(path.c_str(), &facts) == 0;
  bool changes_user = found && (((facts.st_mode & S_ISUID) && facts.st_uid != ::geteuid()) ||
                                ((facts.st_mode & S_ISGID) && facts.st_gid != ::getegid()));
  if (found && (facts.st_mode & (S_ISUID | S_ISGID)) && (changes_user || ::geteuid() != 0))
    return cannot(path, "set-user-id: the loader ignores preloaded libraries; record it as the user it changes to");
  for (unsigned i = 0; i < elf.e_phnum; i++) {
    Elf64_Phdr segment;
    file.clear();
    file.seekg(static_cast<std::streamoff>(elf.e_phoff + i * sizeof segment));
    if (!file.read(reinterpret_cast<char*>(&segment), sizeof segment)) break;
    if (segment.p_type == PT_INTERP) return {};
  }
  return cannot(path, "statically linked: there is no loader to put the agent in; link it dynamically");
}

std::string with_variable(const char* name, const std::string& before, const std::string& after) {
  const char* old = std::getenv(name);
  std::string value = old ? old : "";
  if (!before.empty()) value = value.empty() ? before : before + ":" + value;
  if (!after.empty()) value = value.empty() ? after : value + ":" + after;
  return text(name, "=", value);
}

std::string session_variable(const LaunchPlan& plan, int blob, int memory) {
  using namespace abi;
  return text("CKPT_SESSION=", blob, ",", memory, ",", plan.zone, ",", kTasksOffset, ",", kTaskSlots * kTaskSlotBytes,
              ",", kSharedOffset, ",", kControlBytes, ",", kExchangeBytes, ",", kRingBytes, ",", kZoneBytes, ",",
              kScratchOffset, ",", kTaskSlots * kScratchBytes);
}

std::vector<std::string> program_environment(const LaunchPlan& plan, int blob, int memory) {
  std::vector<std::string> variables;
  for (char** at = environ; *at; at++) {
    std::string_view entry = *at;
    if (!entry.starts_with("LD_PRELOAD=") && !entry.starts_with("GLIBC_TUNABLES=")) variables.emplace_back(entry);
  }
  variables.push_back(with_variable("LD_PRELOAD", plan.shim, ""));
  variables.push_back(with_variable("GLIBC_TUNABLES", "", "glibc.pthread.rseq=0"));
  variables.push_back(session_variable(plan, blob, memory));
  return variables;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& t : texts) all.push_back(t.data());
  all.push_back(nullptr);
  return all;
}

// A descriptor out of the way of the numbers that programs count on, open across exec.
int high_descriptor(int fd) {
  int high = ::fcntl(fd, F_DUPFD, 200);
  return high >= 0 ? high : ::fcntl(fd, F_DUPFD, 3);
}

}  // namespace

Result<std::string> find_program(const std::string& name) {
  std::vector<std::string> places;
  if (name.find('/') != std::string::npos) {
    places.push_back(name);
  } else {
    const char* path = std::getenv("PATH");
    std::string all = path ? path : "/usr/local/bin:/usr/bin:/bin";
    for (size_t at = 0; at <= all.size();) {
      size_t end = std::min(all.find(':', at), all.size());
      std::string folder = all.substr(at, end - at);
      places.push_back((folder.empty() ? "." : folder) + "/" + name);
      at = end + 1;
    }
  }
  bool found = false, folder = false;
  for (const std::string& place : places) {
    struct stat facts;
    if (::stat(place.c_str(), &facts) != 0) continue;
    if (S_ISDIR(facts.st_mode)) {
      folder = folder || place == name;
      continue;
    }
    found = true;
    if (::access(place.c_str(), X_OK) != 0) continue;
    CKPT_CHECK(check_recordable(place, 0));
    return place;
  }
  if (folder) return Error{.code = Code::io, .message = text(name, ": is a folder; name a program in it")};
  if (found)
    return Error{.code = Code::io, .message = text(name, ": not executable; chmod +x it, or name its interpreter")};
  return Error{.code = Code::not_found, .message = text(name, ": no such program; give its path")};
}

Result<Launched> launch(const LaunchPlan& plan, const RecordOptions& options, Channel& channel) {
  int blob = ::open(plan.blob.c_str(), O_RDONLY | O_CLOEXEC);
  if (blob < 0) return io_error(plan.blob);
  int blob_high = high_descriptor(blob), memory_high = high_descriptor(channel.fd());
  ::close(blob);
  std::vector<std::string> variables = program_environment(plan, blob_high, memory_high);
  std::vector<std::string> arguments = options.command;
  std::vector<char*> envp = pointers(variables), argv = pointers(arguments);
  int gate[2];
  if (::pipe2(gate, O_CLOEXEC) != 0) return io_error("pipe");
  pid_t parent = ::getpid();
  pid_t pid = ::fork();
  if (pid < 0) return io_error("fork");
  if (pid == 0) {
    ::close(gate[1]);
    char word;
    if (::read(gate[0], &word, 1) != 1) ::_exit(125);
    if (options.on_recorder_death == OnRecorderDeath::end) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(125);
    }
    ::execve(plan.program.c_str(), argv.data(), envp.data());
    int reason = errno;
    channel.control().failed_line = 1;
    channel.control().failed_values[0] = static_cast<uint64_t>(reason);
    ::_exit(126);
  }
  ::close(gate[0]);
  ::close(blob_high);
  ::close(memory_high);
  return Launched{pid, FileHandle(gate[1])};
}

Result<void> let_go(Launched& launched) {
  if (::write(launched.gate.get(), "", 1) != 1) return io_error("start the program");
  launched.gate = FileHandle();
  return {};
}

}  // namespace ckpt
