// Content-hashed copies of files, shared by all traces of a store.
//
// A store is a folder: files/HASH are the copies (0400, named by 32 hex digits of XXH3-128
// of their bytes), files.cache remembers which inode had which hash. A trace holds hard
// links to the copies it needs (plain copies on another file system), so it stays whole if
// the store is deleted.
//
// The cache is a fixed table of checksummed 64-byte slots: two recorders at once, or one killed
// while writing, can at worst lose an entry. A known file costs two stats, one pread and one
// linkat, about 13 µs; an unknown one is read once.
//
// Threads: not thread-safe; processes and other FileStores may use the same root.
// Errors:  io; unsupported for what is no regular file; not_found and corrupt from open_copy.
#pragma once

#include <cstdint>
#include <string>

#include "trace/base/result.h"
#include "trace/store/file_io.h"
#include "trace/store/store.h"

namespace ckpt {

// $CKPT_TRACE_DIR, else $XDG_DATA_HOME/ckpt, else ~/.local/share/ckpt; "/tmp/ckpt-UID" if there is no home.
std::string default_store_root();

class FileStore final {
 public:
  // Makes the root and its folders (0700) if needed.
  static Result<FileStore> open(const std::string& root);

  // Copies what `fd` (open for reading; its position does not matter) holds now into the store,
  // and links it into `trace_folder`/files. If the file changes meanwhile, the copy is of
  // some state in between and is not remembered.
  Result<FileCopy> add(int fd, const std::string& trace_folder);

  const std::string& root() const { return root_; }
  // Files that had to be read, and files the cache knew.
  uint64_t copied() const { return copied_; }
  uint64_t known() const { return known_; }

 private:
  FileStore() = default;
  Result<FileCopy> copy_in(int fd, const std::string& trace_folder);
  std::string root_;
  FileHandle files_;  // <root>/files
  FileHandle cache_;  // <root>/files.cache
  std::string trace_folder_;
  FileHandle trace_files_;  // <trace_folder_>/files
  bool swept_ = false;
  uint64_t copied_ = 0;
  uint64_t known_ = 0;
};

// Opens a trace's copy for reading. `hash` is checked to be 32 hex digits, `bytes` is compared
// with the file's size; the content is not hashed again (Reader::verify does that).
Result<FileHandle> open_copy(const std::string& trace_folder, const FileCopy& copy);

}  // namespace ckpt
