// Small file helpers of the store: an owned descriptor, whole reads and writes.
//
// Threads: a FileHandle is a value that closes; the functions are as safe as their descriptors.
// Errors:  io with os_errno; a short read is corrupt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "trace/base/result.h"

namespace ckpt {

// A descriptor that closes itself.
class FileHandle final {
 public:
  FileHandle() = default;
  explicit FileHandle(int fd) : fd_(fd) {}
  FileHandle(FileHandle&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileHandle& operator=(FileHandle&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~FileHandle() { reset(); }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset();

 private:
  int fd_ = -1;
};

// open(2) with O_CLOEXEC. A missing file is not_found.
Result<FileHandle> open_file(const std::string& path, int flags, unsigned mode = 0);

// The size of a regular file; unsupported if it is something else.
Result<uint64_t> regular_file_bytes(int fd, const std::string& path);

// Fills `out` from `offset`, or as much as there is: gives the bytes read.
Result<size_t> read_at(int fd, uint64_t offset, std::span<std::byte> out, const std::string& path);

// Writes all of `bytes` at `offset`.
Result<void> write_at(int fd, uint64_t offset, std::span<const std::byte> bytes, const std::string& path);

}  // namespace ckpt
