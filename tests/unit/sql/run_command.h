// Runs one of our commands and keeps what it said.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "tests/unit/sql/trace_maker.h"

namespace ckpt::testing {

struct Ran {
  int status = -1;  // exit status, or 128 and the signal
  std::string out, err;
};

// `words[0]` is a command of the build. `before` runs in the child just before it becomes the command.
inline Ran run_command(const std::vector<std::string>& words, void (*before)() = nullptr) {
  TemporaryFolder folder;
  std::string out = folder.path() + "/out", err = folder.path() + "/err", file = CKPT_COMMANDS "/" + words[0];
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  pid_t child = fork();
  if (child == 0) {
    dup2(open("/dev/null", O_RDONLY), 0);
    dup2(open(out.c_str(), O_WRONLY | O_CREAT, 0600), 1);
    dup2(open(err.c_str(), O_WRONLY | O_CREAT, 0600), 2);
    if (before) before();
    execv(file.c_str(), argv.data());
    _exit(99);
  }
  int status = 0;
  waitpid(child, &status, 0);
  auto content = [](const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    return std::string((std::istreambuf_iterator<char>(stream)), {});
  };
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), content(out), content(err)};
}

}  // namespace ckpt::testing
