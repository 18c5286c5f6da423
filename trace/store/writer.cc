#include "trace/store/writer.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include "trace/store/chunk_codec.h"
#include "trace/store/event_view.h"
#include "trace/store/file_io.h"
#include "trace/store/format.h"
#include "trace/store/trace_info.h"

namespace ckpt {
namespace {

Result<void> make_empty_folder(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0700) == 0) return {};
  if (errno != EEXIST) return io_error(text("make folder ", folder));
  DIR* open = ::opendir(folder.c_str());
  if (open == nullptr) return io_error(text("open folder ", folder));
  bool empty = true;
  while (const dirent* entry = ::readdir(open))
    if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0) empty = false;
  ::closedir(open);
  if (!empty)
    return Error{.code = Code::usage, .message = text("folder ", folder, ": is not empty; name a new or an empty one")};
  if (::chmod(folder.c_str(), 0700) != 0) return io_error(text("chmod ", folder));
  return {};
}

}  // namespace

struct Writer::State {
  std::string folder;
  std::string path;
  FileHandle file;
  ChunkEncoder encoder;
  std::unique_ptr<std::byte[]> raw;  // kMaxChunkRawBytes, touched as far as used
  size_t raw_used = 0;
  uint32_t raw_count = 0;
  uint64_t next_event = 1;  // number of the first event in `raw`
  uint64_t file_bytes = 0;
  uint64_t raw_bytes = 0;  // of all events appended
  std::optional<Error> failed;

  bool full() const { return raw_used >= format::kChunkRawBytes || raw_count >= format::kChunkEvents; }
  Result<void> write_chunk();
  Result<void> append(std::span<const std::byte> events);
  Error malformed(std::span<const std::byte> events, size_t at) const;
  Error fail(Error error);
};

// Cuts the file back to its last whole chunk and drops what could not be written.
Error Writer::State::fail(Error error) {
  if (::ftruncate(file.get(), static_cast<off_t>(file_bytes)) != 0)
    error.message += text("; and it could not be cut back: ", std::strerror(errno));
  raw_bytes -= raw_used;
  raw_used = 0;
  raw_count = 0;
  failed = error;
  return error;
}

// Writes what was collected: one chunk, more if it has very many shapes.
Result<void> Writer::State::write_chunk() {
  size_t done = 0;
  while (done < raw_used) {
    Result<EncodedChunk> chunk = encoder.encode({raw.get() + done, raw_used - done}, next_event);
    if (!chunk) return fail(chunk.error());
    Result<void> written = write_at(file.get(), file_bytes, chunk->frame, path);
    if (!written) {
      raw_used -= done;
      return fail(written.error());
    }
    file_bytes += chunk->frame.size();
    next_event += chunk->summary.count;
    raw_count -= chunk->summary.count;
    done += chunk->summary.raw_bytes;
  }
  raw_used = 0;
  raw_count = 0;
  return {};
}

// Copies events up to where the chunk is full or the span ends, in one piece.
Result<void> Writer::State::append(std::span<const std::byte> events) {
  for (size_t at = 0; at < events.size();) {
    const size_t begin = at;
    const size_t room = format::kChunkRawBytes - raw_used;
    uint32_t bytes = 1;
    while (at < events.size() && at - begin < room && raw_count < format::kChunkEvents) {
      bytes = whole_event(events.subspan(at));
      if (bytes == 0) break;
      at += bytes;
      raw_count++;
    }
    std::memcpy(raw.get() + raw_used, events.data() + begin, at - begin);
    raw_used += at - begin;
    raw_bytes += at - begin;
    if (bytes == 0) return malformed(events, at);
    if (full()) CKPT_CHECK(write_chunk());
  }
  return {};
}

// Says what is wrong with the event at `at`.
Error Writer::State::malformed(std::span<const std::byte> events, size_t at) const {
  Error error = validate_event(events.subspan(at)).error();
  error.message += text(", event ", next_event + raw_count);
  error.where = at;
  return error;
}

Writer::Writer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Writer::Writer(Writer&&) noexcept = default;
Writer& Writer::operator=(Writer&&) noexcept = default;
Writer::~Writer() = default;

Result<Writer> Writer::create(const std::string& folder, const TraceHeader& header) {
  CKPT_CHECK(make_empty_folder(folder));
  auto state = std::make_unique<State>();
  state->folder = folder;
  state->path = folder + "/events";
  CKPT_TRY(state->file, open_file(state->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  if (Result<void> written = write_header(folder, header); !written) {
    ::unlink(state->path.c_str());  // so that the folder is as empty as it was
    return written.error();
  }
  state->raw = std::make_unique_for_overwrite<std::byte[]>(format::kMaxChunkRawBytes);
  return Writer(std::move(state));
}

Result<void> Writer::append(std::span<const std::byte> events) {
  if (state_->failed) return *state_->failed;
  if (reinterpret_cast<uintptr_t>(events.data()) % 8 != 0)
    return Error{.code = Code::usage, .message = "events are not 8-byte aligned"};
  return state_->append(events);
}

Result<void> Writer::flush() {
  if (state_->failed) return *state_->failed;
  return state_->write_chunk();
}

Result<void> Writer::finish(const TraceEnd& end) {
  const Result<void> flushed = flush();
  TraceEnd filled = end;
  filled.events = events();
  // Without its last events a trace is cut short, and hashes of its memory are of a later moment.
  filled.discarded |= !flushed;
  filled.has_final_hash &= !filled.discarded;
  const Result<void> written = write_end(state_->folder, filled);
  state_->file.reset();
  if (!state_->failed) state_->failed = Error{.code = Code::usage, .message = "the writer is finished"};
  return flushed ? written : flushed;
}

uint64_t Writer::events() const {
  return state_->next_event - 1 + state_->raw_count;
}
uint64_t Writer::stored_bytes() const {
  return state_->file_bytes;
}
uint64_t Writer::raw_bytes() const {
  return state_->raw_bytes;
}
const std::string& Writer::folder() const {
  return state_->folder;
}

}  // namespace ckpt
