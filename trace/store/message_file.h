// Cap'n Proto messages in files: built, compressed, framed and checked. The only code of the
// store that Cap'n Proto's exceptions reach, with chunk_codec.
//
// Threads: functions without state.
// Errors:  not_found, io, corrupt, limit; unsupported if the message needs a newer reader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <vector>

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include "trace/base/result.h"
#include "trace/store/file_io.h"
#include "trace/store/format.h"
#include "trace/store/frame.h"

namespace ckpt {

// Calls `body`, which returns some Result, and turns what Cap'n Proto throws into corrupt.
template <class Body>
auto catching(const std::string& name, Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const kj::Exception& e) {
    return Error{.code = Code::corrupt, .message = text(name, ": ", e.getDescription().cStr())};
  } catch (const std::exception& e) {
    return Error{.code = Code::corrupt, .message = text(name, ": ", e.what())};
  }
}

// A message in memory, checked on the way in, and readable within limits: nesting, and how
// often its bytes may be walked over.
class MessageBytes final {
 public:
  // `bytes`: as Cap'n Proto serialises it, in whole words.
  static Result<MessageBytes> take(std::vector<uint64_t> words, const std::string& name);
  MessageBytes() = default;

  // `read` gets the root and returns a Result. May throw inside; not outside.
  template <class Schema, class Read>
  auto read(const std::string& name, Read&& read) const -> decltype(read(std::declval<typename Schema::Reader>())) {
    return catching(name, [&]() -> decltype(read(std::declval<typename Schema::Reader>())) {
      capnp::FlatArrayMessageReader reader(
          kj::arrayPtr(reinterpret_cast<const capnp::word*>(words_.data()), words_.size()), options());
      return read(reader.getRoot<Schema>());
    });
  }

 private:
  capnp::ReaderOptions options() const;
  std::vector<uint64_t> words_;
};

// The frame of a message, ready to write.
Result<std::vector<std::byte>> frame_message(capnp::MessageBuilder& message, format::MessageKind kind,
                                             const std::string& name);

// Reads the message frame at `offset`, which must be whole. `end` gets the offset after it.
Result<MessageBytes> read_message(int fd, uint64_t offset, format::MessageKind kind, const std::string& path,
                                  uint64_t& end);

// A file with one message and nothing else. Written beside `path` and renamed to it (0600), so
// that it is there whole or not at all.
Result<void> write_message_file(const std::string& path, capnp::MessageBuilder& message, format::MessageKind kind);
Result<MessageBytes> read_message_file(const std::string& path, format::MessageKind kind);

}  // namespace ckpt
