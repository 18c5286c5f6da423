#include "trace/store/message_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cstring>
#include <memory>

#include <zstd.h>

namespace ckpt {
namespace {

constexpr int kLevel = 3;

Error bad(const std::string& path, const std::string& why, uint64_t where = 0) {
  return Error{.code = Code::corrupt, .message = text(path, ": ", why), .where = where};
}

// Only the reader version decides: a newer writer that kept to the rules of FORMAT.md is read.
Result<void> check_version(const format::MessageFrame& header, const std::string& path) {
  if (header.needs_reader_version <= format::kVersion) return {};
  return Error{.code = Code::unsupported,
               .message = text(path, " needs a reader of format ", header.needs_reader_version,
                               "; this ckpt reads up to format ", format::kVersion)};
}

}  // namespace

capnp::ReaderOptions MessageBytes::options() const {
  capnp::ReaderOptions options;
  // Each byte a few times: lists are walked once to check them and once to copy them.
  options.traversalLimitInWords = 4 * words_.size() + 1024;
  options.nestingLimit = 8;
  return options;
}

Result<MessageBytes> MessageBytes::take(std::vector<uint64_t> words, const std::string& name) {
  if (words.empty()) return bad(name, "empty message");
  MessageBytes message;
  message.words_ = std::move(words);
  return message;
}

Result<std::vector<std::byte>> frame_message(capnp::MessageBuilder& message, format::MessageKind kind,
                                             const std::string& name) {
  return catching(name, [&]() -> Result<std::vector<std::byte>> {
    const kj::Array<capnp::word> flat = capnp::messageToFlatArray(message);
    const kj::ArrayPtr<const kj::byte> raw = flat.asBytes();
    if (raw.size() > format::kMaxMessageBytes)
      return Error{.code = Code::limit, .message = text(name, ": message of ", raw.size(), " bytes is too large")};
    std::vector<std::byte> frame(sizeof(format::MessageFrame) + ZSTD_compressBound(raw.size()));
    const size_t stored = ZSTD_compress(frame.data() + sizeof(format::MessageFrame),
                                        frame.size() - sizeof(format::MessageFrame), raw.begin(), raw.size(), kLevel);
    if (ZSTD_isError(stored)) return bad(name, ZSTD_getErrorName(stored));
    frame.resize(sizeof(format::MessageFrame) + stored);
    frame.resize(sizeof(format::MessageFrame) + format::padded(stored));
    const format::MessageFrame header{.frame = {},
                                      .kind = kind,
                                      .reserved = 0,
                                      .needs_reader_version = format::kNeedsReaderVersion,
                                      .message_bytes = raw.size()};
    std::memcpy(frame.data(), &header, sizeof(header));
    seal_frame(frame, format::Magic::message, sizeof(header), stored);
    return frame;
  });
}

Result<MessageBytes> read_message(int fd, uint64_t offset, format::MessageKind kind, const std::string& path,
                                  uint64_t& end) {
  format::MessageFrame header;
  CKPT_TRY(const FramePlace place, read_frame_header(fd, offset, format::Magic::message, header,
                                                     ZSTD_COMPRESSBOUND(format::kMaxMessageBytes), path));
  if (place.state != FrameState::whole) return bad(path, "the file is cut", offset);
  CKPT_CHECK(check_version(header, path));
  if (header.kind != kind)
    return bad(path, text("message kind ", static_cast<int>(header.kind), " instead of ", static_cast<int>(kind)),
               offset);
  if (header.message_bytes > format::kMaxMessageBytes || header.message_bytes % 8 != 0)
    return bad(path, text("message of ", header.message_bytes, " bytes"), offset);
  std::vector<std::byte> payload;
  CKPT_CHECK(read_frame_payload(fd, place, payload, path));
  // Ask before allocating: the length is the file's word, the payload's size a fact. zstd
  // cannot make more than about 2^15 bytes of one.
  if (header.message_bytes / 65536 > payload.size()) return bad(path, "message length is implausible", offset);
  std::vector<uint64_t> words(header.message_bytes / 8);
  const size_t got = ZSTD_decompress(words.data(), header.message_bytes, payload.data(), payload.size());
  if (ZSTD_isError(got) || got != header.message_bytes) return bad(path, "message does not decompress", offset);
  end = place.end();
  return MessageBytes::take(std::move(words), path);
}

Result<void> write_message_file(const std::string& path, capnp::MessageBuilder& message, format::MessageKind kind) {
  CKPT_TRY(const std::vector<std::byte> frame, frame_message(message, kind, path));
  const std::string begun = path + ".part";
  {
    CKPT_TRY(const FileHandle file, open_file(begun, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
    if (Result<void> written = write_at(file.get(), 0, frame, begun); !written) {
      ::unlink(begun.c_str());
      return written.error();
    }
  }
  if (::rename(begun.c_str(), path.c_str()) != 0) return io_error(text("rename ", begun));
  return {};
}

Result<MessageBytes> read_message_file(const std::string& path, format::MessageKind kind) {
  CKPT_TRY(const FileHandle file, open_file(path, O_RDONLY));
  CKPT_TRY(const uint64_t size, regular_file_bytes(file.get(), path));
  uint64_t end = 0;
  CKPT_TRY(MessageBytes message, read_message(file.get(), 0, kind, path, end));
  if (end != size) return bad(path, text("bytes after the message, from ", end), end);
  return message;
}

}  // namespace ckpt
