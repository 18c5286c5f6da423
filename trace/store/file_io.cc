#include "trace/store/file_io.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace ckpt {
namespace {

// While it lives, writing past RLIMIT_FSIZE gives EFBIG without killing us: SIGXFSZ is directed at
// the writing thread, so it is blocked and taken back. Ignoring it instead would be
// inherited by the program we record.
class FileLimitGuard final {
 public:
  FileLimitGuard() {
    sigemptyset(&limit_);
    sigaddset(&limit_, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &limit_, &before_);
  }
  ~FileLimitGuard() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  void take() {
    const timespec now{};
    while (sigtimedwait(&limit_, nullptr, &now) < 0 && errno == EINTR) {
    }
  }

 private:
  sigset_t limit_, before_;
};

}  // namespace

void FileHandle::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<FileHandle> open_file(const std::string& path, int flags, unsigned mode) {
  int fd;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd >= 0) return FileHandle(fd);
  Error error = io_error(text("open ", path));
  if (error.os_errno == ENOENT) error.code = Code::not_found;
  return error;
}

Result<uint64_t> regular_file_bytes(int fd, const std::string& path) {
  struct stat info;
  if (::fstat(fd, &info) != 0) return io_error(text("stat ", path));
  if (!S_ISREG(info.st_mode)) return Error{.code = Code::unsupported, .message = text(path, " is not a regular file")};
  return static_cast<uint64_t>(info.st_size);
}

Result<size_t> read_at(int fd, uint64_t offset, std::span<std::byte> out, const std::string& path) {
  if (offset > INT64_MAX - out.size()) return size_t{0};
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = ::pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got == 0) break;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error(text("read ", path));
    done += static_cast<size_t>(got);
  }
  return done;
}

Result<void> write_at(int fd, uint64_t offset, std::span<const std::byte> bytes, const std::string& path) {
  FileLimitGuard guard;
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t put = ::pwrite(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      const Error error = io_error(text("write ", path));
      if (error.os_errno == EFBIG) guard.take();
      return error;
    }
    done += static_cast<size_t>(put);
  }
  return {};
}

}  // namespace ckpt
