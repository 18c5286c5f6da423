#include "trace/store/verify.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <vector>

#include <xxhash.h>

#include "schemas/image.capnp.h"
#include "trace/store/file_hash.h"
#include "trace/store/file_io.h"
#include "trace/store/format.h"
#include "trace/store/frame.h"
#include "trace/store/message_file.h"

namespace ckpt {
namespace {

constexpr uint64_t kMaxFramePayload = 4u << 20;

// Names in a folder, sorted. A missing folder has none.
Result<std::vector<std::string>> list_folder(const std::string& folder) {
  std::vector<std::string> names;
  DIR* open = ::opendir(folder.c_str());
  if (open == nullptr && errno == ENOENT) return names;
  if (open == nullptr) return io_error(text("open folder ", folder));
  while (const dirent* entry = ::readdir(open)) names.emplace_back(entry->d_name);
  ::closedir(open);
  std::erase_if(names, [](const std::string& name) { return name.starts_with("."); });
  std::sort(names.begin(), names.end());
  return names;
}

// "image-12" with prefix "image-".
bool is_numbered(const std::string& name, const std::string& prefix) {
  if (!name.starts_with(prefix) || name.size() == prefix.size()) return false;
  return std::all_of(name.begin() + static_cast<long>(prefix.size()), name.end(),
                     [](char c) { return c >= '0' && c <= '9'; });
}

struct Needs {
  std::set<std::string> files;
};

struct ImageFacts {
  std::vector<uint64_t> segments;
  uint64_t stored_pages = 0;
};

Result<ImageFacts> read_image(const std::string& path, Needs& needs) {
  CKPT_TRY(const MessageBytes message, read_message_file(path, format::MessageKind::image));
  return message.read<schema::Image>(path, [&](schema::Image::Reader image) -> Result<ImageFacts> {
    ImageFacts facts;
    for (uint64_t offset : image.getSegments()) facts.segments.push_back(offset);
    facts.stored_pages = image.getStoredPages();
    for (auto region : image.getRegions())
      if (region.getFileHash().size() != 0) needs.files.insert(region.getFileHash().cStr());
    return facts;
  });
}

// Every segment where the manifest says, each whole, together the pages it counts.
Result<void> check_pages(const std::string& path, const ImageFacts& facts, VerifyReport& report) {
  CKPT_TRY(const FileHandle file, open_file(path, O_RDONLY));
  uint64_t offset = 0, pages = 0;
  std::vector<std::byte> payload;
  for (uint64_t segment : facts.segments) {
    format::SegmentFrame header;
    CKPT_TRY(const FramePlace place,
             read_frame_header(file.get(), offset, format::Magic::segment, header, kMaxFramePayload, path));
    if (place.state != FrameState::whole || segment != offset || header.first_stored != pages)
      return Error{.code = Code::corrupt, .message = text(path, ": no segment at byte ", segment), .where = segment};
    CKPT_CHECK(read_frame_payload(file.get(), place, payload, path));
    report.checked_bytes += place.end() - offset;
    offset = place.end();
    pages += header.pages;
  }
  CKPT_TRY(const uint64_t size, regular_file_bytes(file.get(), path));
  if (offset == size && pages == facts.stored_pages) return {};
  return Error{.code = Code::corrupt, .message = text(path, ": does not fit its manifest"), .where = offset};
}

Result<void> check_image(const std::string& path, Needs& needs, VerifyReport& report) {
  CKPT_TRY(const ImageFacts facts, read_image(path, needs));
  return check_pages(path + ".pages", facts, report);
}

// Frames of hashes, then one message, then nothing.
Result<void> check_hashes(const std::string& path, VerifyReport& report) {
  CKPT_TRY(const FileHandle file, open_file(path, O_RDONLY));
  CKPT_TRY(const uint64_t size, regular_file_bytes(file.get(), path));
  std::vector<std::byte> payload;
  uint64_t offset = 0;
  while (true) {
    format::HashFrame header;
    const Result<FramePlace> place =
        read_frame_header(file.get(), offset, format::Magic::hashes, header, kMaxFramePayload, path);
    if (!place || place->state != FrameState::whole) break;
    CKPT_CHECK(read_frame_payload(file.get(), *place, payload, path));
    offset = place->end();
  }
  uint64_t end = 0;
  CKPT_TRY([[maybe_unused]] const MessageBytes message,
           read_message(file.get(), offset, format::MessageKind::hashes, path, end));
  report.checked_bytes += end;
  if (end == size) return {};
  return Error{.code = Code::corrupt, .message = text(path, ": bytes after its end, from ", end), .where = end};
}

Result<void> check_copy(const std::string& path, const std::string& hash, VerifyReport& report) {
  CKPT_TRY(const FileHandle file, open_file(path, O_RDONLY));
  CKPT_TRY(const FileCopy copy, hash_file(file.get(), path));
  report.checked_bytes += copy.bytes;
  if (copy.hash == hash) return {};
  return Error{.code = Code::corrupt, .message = text(path, ": its content has hash ", copy.hash)};
}

void note(const std::string& name, const Result<void>& result, VerifyReport& report) {
  if (!result) report.problems.push_back({name, result.error().where, result.error().message});
}

}  // namespace

Result<void> verify_memory(const std::string& folder, VerifyReport& report) {
  CKPT_TRY(const std::vector<std::string> names, list_folder(folder));
  Needs needs;
  for (const std::string& name : names) {
    if (is_numbered(name, "image-")) {
      report.images++;
      note(name, check_image(folder + "/" + name, needs, report), report);
    }
    if (is_numbered(name, "hashes-")) note(name, check_hashes(folder + "/" + name, report), report);
  }
  CKPT_TRY(const std::vector<std::string> copies, list_folder(folder + "/files"));
  for (const std::string& hash : copies) {
    report.files++;
    needs.files.erase(hash);
    note("files/" + hash, check_copy(folder + "/files/" + hash, hash, report), report);
  }
  for (const std::string& hash : needs.files)
    report.problems.push_back({"files/" + hash, 0, text(folder, "/files/", hash, ": missing, and an image needs it")});
  return {};
}

}  // namespace ckpt
