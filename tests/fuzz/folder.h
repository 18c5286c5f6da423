// The one folder a fuzzer fills again and again.
//
// Threads: not thread-safe.
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

#include "trace/store/file_io.h"

namespace ckpt::fuzz {

// Made on first use, in memory where there is /dev/shm, and removed at exit.
inline const std::string& folder() {
  struct Folder {
    std::string path = (::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp") + std::string("/ckpt-fuzz-XXXXXX");
    Folder() {
      if (::mkdtemp(path.data()) == nullptr) ::abort();
    }
    ~Folder() {
      std::error_code ignored;
      std::filesystem::remove_all(path, ignored);
    }
  };
  static const Folder made;
  return made.path;
}

inline void put(const std::string& name, std::span<const std::byte> bytes) {
  const Result<FileHandle> file = open_file(folder() + "/" + name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (!file || !write_at(file.value().get(), 0, bytes, name)) ::abort();
}

}  // namespace ckpt::fuzz
