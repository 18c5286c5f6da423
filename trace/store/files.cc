#include "trace/store/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>

#include <xxhash.h>

#include "trace/store/file_hash.h"
#include "trace/store/format.h"

namespace ckpt {
namespace {

constexpr size_t kCopyBytes = 1u << 20;
// A change within the same tick of the file system's clock as the hash would go unseen.
constexpr uint64_t kSettledNs = 2'000'000'000;
constexpr time_t kStaleSeconds = 3600;

uint64_t to_ns(const timespec& time) {
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

// ---- The cache ----------------------------------------------------------------------------

uint64_t slot_check(const format::CacheSlot& slot) {
  return XXH3_64bits_withSeed(&slot, offsetof(format::CacheSlot, check), format::kVersion);
}

format::CacheSlot key_of(const struct stat& info) {
  return {.device = info.st_dev,
          .inode = info.st_ino,
          .bytes = static_cast<uint64_t>(info.st_size),
          .mtime_ns = to_ns(info.st_mtim),
          .ctime_ns = to_ns(info.st_ctim),
          .hash_lo = 0,
          .hash_hi = 0,
          .check = 0};
}

bool same_inode(const format::CacheSlot& a, const format::CacheSlot& b) {
  return a.device == b.device && a.inode == b.inode;
}
bool same_key(const format::CacheSlot& a, const format::CacheSlot& b) {
  return same_inode(a, b) && a.bytes == b.bytes && a.mtime_ns == b.mtime_ns && a.ctime_ns == b.ctime_ns;
}

constexpr size_t kSetBytes = sizeof(format::CacheSlot) * format::kCacheWays;

uint64_t set_offset(const format::CacheSlot& key) {
  const uint64_t identity[2] = {key.device, key.inode};
  return XXH3_64bits(identity, sizeof(identity)) % format::kCacheSets * kSetBytes;
}

// The set of a key. Missing or damaged slots are zero.
void read_set(int cache, uint64_t offset, format::CacheSlot (&set)[format::kCacheWays]) {
  std::memset(set, 0, sizeof(set));
  if (::pread(cache, set, sizeof(set), static_cast<off_t>(offset)) < 0) std::memset(set, 0, sizeof(set));
  for (format::CacheSlot& slot : set)
    if (slot_check(slot) != slot.check) slot = {};
}

std::optional<FileCopy> cache_find(int cache, const format::CacheSlot& key) {
  format::CacheSlot set[format::kCacheWays];
  read_set(cache, set_offset(key), set);
  for (const format::CacheSlot& slot : set)
    if (slot.check != 0 && same_key(slot, key)) return FileCopy{hash_name(slot.hash_hi, slot.hash_lo), slot.bytes};
  return std::nullopt;
}

// Best effort: a lost entry costs a read later.
void cache_store(int cache, format::CacheSlot slot) {
  slot.check = slot_check(slot);
  format::CacheSlot set[format::kCacheWays];
  const uint64_t offset = set_offset(slot);
  read_set(cache, offset, set);
  size_t way = slot.check % format::kCacheWays;  // whom to drop if none is free
  for (size_t i = format::kCacheWays; i-- > 0;)
    if (set[i].check == 0) way = i;
  for (size_t i = 0; i < format::kCacheWays; i++)
    if (set[i].check != 0 && same_inode(set[i], slot)) way = i;
  (void)write_at(cache, offset + way * sizeof(slot), std::as_bytes(std::span(&slot, 1)), "files.cache");
}

// ---- Folders and temporary files -------------------------------------------------------------

Result<void> make_folders(const std::string& path) {
  for (size_t at = 1; at <= path.size(); at++) {
    if (at != path.size() && path[at] != '/') continue;
    const std::string part = path.substr(0, at);
    if (::mkdir(part.c_str(), 0700) == 0 || errno == EEXIST) continue;
    const Error error = io_error(text("make folder ", part));
    struct stat info;
    // A read-only parent says EROFS for what exists.
    if (::stat(part.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return error;
  }
  return {};
}

// Whether the copy is there with all its bytes.
bool is_whole(int folder, const FileCopy& copy) {
  struct stat info;
  return ::fstatat(folder, copy.hash.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode) &&
         static_cast<uint64_t>(info.st_size) == copy.bytes;
}

// A file that is being copied, removed again unless it was linked under its hash.
class BegunCopy final {
 public:
  static Result<BegunCopy> create(int folder) {
    static std::atomic<unsigned> count{0};
    for (int attempt = 0; attempt < 100; attempt++) {
      std::string name = text(".part-", ::getpid(), "-", count.fetch_add(1));
      const int fd = ::openat(folder, name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
      if (fd >= 0) return BegunCopy(folder, std::move(name), fd);
      if (errno != EEXIST) return io_error(text("make ", name));
    }
    return Error{.code = Code::io, .message = "no free name for a file copy"};
  }
  BegunCopy(BegunCopy&& other) noexcept
      : folder_(other.folder_), name_(std::exchange(other.name_, {})), file_(std::move(other.file_)) {}
  ~BegunCopy() {
    if (!name_.empty()) ::unlinkat(folder_, name_.c_str(), 0);
  }
  int fd() const { return file_.get(); }
  // Another recorder may have been faster with the same bytes: as good.
  Result<void> keep_as(const FileCopy& copy) const {
    if (::linkat(folder_, name_.c_str(), folder_, copy.hash.c_str(), 0) == 0) return {};
    if (errno == EEXIST && is_whole(folder_, copy)) return {};
    // File systems without hard links; a copy that a crash of the machine has emptied.
    if (::renameat(folder_, name_.c_str(), folder_, copy.hash.c_str()) == 0) return {};
    return io_error(text("name file copy ", copy.hash));
  }

 private:
  BegunCopy(int folder, std::string name, int fd) : folder_(folder), name_(std::move(name)), file_(fd) {}
  int folder_;
  std::string name_;
  FileHandle file_;
};

// Removes what recorders killed while copying have left.
void sweep(int folder) {
  const int fd = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* open = fd < 0 ? nullptr : ::fdopendir(fd);
  if (open == nullptr) return;
  const time_t now = ::time(nullptr);
  while (const dirent* entry = ::readdir(open)) {
    struct stat info;
    if (std::strncmp(entry->d_name, ".part-", 6) != 0) continue;
    if (::fstatat(folder, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (info.st_mtime + kStaleSeconds < now) ::unlinkat(folder, entry->d_name, 0);
  }
  ::closedir(open);
}

// Copies `from` to a new file: shared blocks where the file system can, else bytes. Gives its hash.
Result<FileCopy> copy_and_hash(int from, int to, const std::string& path) {
  if (::ioctl(to, FICLONE, from) == 0) return hash_file(to, path);
  return hash_file(from, path, to);
}

// Puts <from>/hash into the folder `to`: a link, or a copy on another file system.
Result<void> place_copy(int from, int to, const std::string& hash) {
  if (::linkat(from, hash.c_str(), to, hash.c_str(), 0) == 0 || errno == EEXIST) return {};
  if (errno == ENOENT) return Error{.code = Code::not_found, .message = text("the store has no ", hash)};
  if (errno != EXDEV && errno != EPERM && errno != EMLINK && errno != EOPNOTSUPP)
    return io_error(text("link file copy ", hash));
  const FileHandle source(::openat(from, hash.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!source && errno == ENOENT) return Error{.code = Code::not_found, .message = text("the store has no ", hash)};
  if (!source) return io_error(text("open file copy ", hash));
  CKPT_TRY(const BegunCopy begun, BegunCopy::create(to));
  CKPT_TRY(const FileCopy copy, copy_and_hash(source.get(), begun.fd(), hash));
  if (copy.hash != hash) return Error{.code = Code::corrupt, .message = text("the store's copy ", hash, " is damaged")};
  return begun.keep_as(copy);
}

}  // namespace

// ---- Hashing --------------------------------------------------------------------------------

std::string hash_name(uint64_t hi, uint64_t lo) {
  static const char kDigits[] = "0123456789abcdef";
  std::string name(32, '0');
  for (size_t i = 0; i < 16; i++) {
    name[15 - i] = kDigits[hi >> (4 * i) & 15];
    name[31 - i] = kDigits[lo >> (4 * i) & 15];
  }
  return name;
}

bool is_hash_name(const std::string& name) {
  return name.size() == 32 && name.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Result<FileCopy> hash_file(int fd, const std::string& path, int to) {
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(kCopyBytes);
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(), XXH3_freeState);
  XXH3_128bits_reset(state.get());
  uint64_t done = 0;
  while (true) {
    CKPT_TRY(const size_t got, read_at(fd, done, {buffer.get(), kCopyBytes}, path));
    XXH3_128bits_update(state.get(), buffer.get(), got);
    if (to >= 0) CKPT_CHECK(write_at(to, done, {buffer.get(), got}, path));
    done += got;
    if (got < kCopyBytes) break;
  }
  const XXH128_hash_t hash = XXH3_128bits_digest(state.get());
  return FileCopy{hash_name(hash.high64, hash.low64), done};
}

// ---- The store ------------------------------------------------------------------------------

std::string default_store_root() {
  const auto value = [](const char* name) { return std::string(std::getenv(name) ? std::getenv(name) : ""); };
  if (const std::string folder = value("CKPT_TRACE_DIR"); !folder.empty()) return folder;
  if (const std::string data = value("XDG_DATA_HOME"); data.starts_with('/')) return data + "/ckpt";
  if (const std::string home = value("HOME"); home.starts_with('/')) return home + "/.local/share/ckpt";
  return text("/tmp/ckpt-", ::getuid());
}

Result<FileStore> FileStore::open(const std::string& root) {
  FileStore store;
  store.root_ = root;
  CKPT_CHECK(make_folders(root + "/files"));
  CKPT_TRY(store.files_, open_file(root + "/files", O_RDONLY | O_DIRECTORY));
  CKPT_TRY(store.cache_, open_file(root + "/files.cache", O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  return store;
}

Result<FileCopy> FileStore::add(int fd, const std::string& trace_folder) {
  struct stat info;
  if (::fstat(fd, &info) != 0) return io_error("stat a mapped file");
  if (!S_ISREG(info.st_mode)) return Error{.code = Code::unsupported, .message = "a mapped file is no regular file"};
  if (!trace_files_ || trace_folder != trace_folder_) {
    CKPT_CHECK(make_folders(trace_folder + "/files"));
    CKPT_TRY(trace_files_, open_file(trace_folder + "/files", O_RDONLY | O_DIRECTORY));
    trace_folder_ = trace_folder;
  }
  const format::CacheSlot key = key_of(info);
  // If someone cleaned the store, or its copy is damaged: copy again.
  if (std::optional<FileCopy> copy = cache_find(cache_.get(), key); copy && is_whole(files_.get(), *copy)) {
    const Result<void> placed = place_copy(files_.get(), trace_files_.get(), copy->hash);
    if (placed) {
      known_++;
      return *std::move(copy);
    }
    if (placed.error().code == Code::corrupt) ::unlinkat(files_.get(), copy->hash.c_str(), 0);
    if (placed.error().code == Code::io) return placed.error();
  }
  return copy_in(fd, trace_folder);
}

Result<FileCopy> FileStore::copy_in(int fd, const std::string& trace_folder) {
  if (!swept_) sweep(files_.get());
  swept_ = true;
  struct stat before, after;
  timespec now;
  if (::fstat(fd, &before) != 0) return io_error("stat a mapped file");
  ::clock_gettime(CLOCK_REALTIME, &now);
  CKPT_TRY(const BegunCopy begun, BegunCopy::create(files_.get()));
  CKPT_TRY(FileCopy copy, copy_and_hash(fd, begun.fd(), text(trace_folder, ": file copy")));
  CKPT_CHECK(begun.keep_as(copy));
  CKPT_CHECK(place_copy(files_.get(), trace_files_.get(), copy.hash));
  copied_++;
  if (::fstat(fd, &after) != 0) return io_error("stat a mapped file");
  format::CacheSlot slot = key_of(after);
  if (same_key(slot, key_of(before)) && copy.bytes == slot.bytes && slot.ctime_ns + kSettledNs < to_ns(now)) {
    slot.hash_hi = std::strtoull(copy.hash.substr(0, 16).c_str(), nullptr, 16);
    slot.hash_lo = std::strtoull(copy.hash.substr(16).c_str(), nullptr, 16);
    cache_store(cache_.get(), slot);
  }
  return copy;
}

Result<FileHandle> open_copy(const std::string& trace_folder, const FileCopy& copy) {
  if (!is_hash_name(copy.hash)) return Error{.code = Code::corrupt, .message = text("no name of a copy: ", copy.hash)};
  const std::string path = trace_folder + "/files/" + copy.hash;
  CKPT_TRY(FileHandle file, open_file(path, O_RDONLY | O_NOFOLLOW));
  CKPT_TRY(const uint64_t bytes, regular_file_bytes(file.get(), path));
  if (bytes != copy.bytes)
    return Error{.code = Code::corrupt, .message = text(path, ": ", bytes, " bytes instead of ", copy.bytes)};
  return file;
}

}  // namespace ckpt
