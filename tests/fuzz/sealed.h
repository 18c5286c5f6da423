// Gives fuzzers a way past checksums: frames around any bytes, with right lengths and hashes.
//
// Threads: functions without state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include <zstd.h>

#include "trace/store/file_io.h"
#include "trace/store/format.h"
#include "trace/store/frame.h"

namespace ckpt::fuzz {

// Takes values from the front of the fuzzer's input; zeros when it is used up.
class Input final {
 public:
  Input(const uint8_t* data, size_t bytes) : left_(reinterpret_cast<const std::byte*>(data), bytes) {}
  template <class T>
  T take() {
    T value{};
    const size_t bytes = std::min(sizeof(T), left_.size());
    std::memcpy(&value, left_.data(), bytes);
    left_ = left_.subspan(bytes);
    return value;
  }
  std::span<const std::byte> rest() const { return left_; }

 private:
  std::span<const std::byte> left_;
};

// `header` (a struct of format.h), then `payload`, sealed.
template <class Header>
std::vector<std::byte> seal(const Header& header, format::Magic magic, std::span<const std::byte> payload) {
  std::vector<std::byte> frame(sizeof(header) + format::padded(payload.size()));
  std::memcpy(frame.data(), &header, sizeof(header));
  if (!payload.empty()) std::memcpy(frame.data() + sizeof(header), payload.data(), payload.size());
  seal_frame(frame, magic, sizeof(header), payload.size());
  return frame;
}

inline std::vector<std::byte> compress(std::span<const std::byte> bytes) {
  std::vector<std::byte> packed(ZSTD_compressBound(bytes.size()));
  packed.resize(ZSTD_compress(packed.data(), packed.size(), bytes.data(), bytes.size(), 1));
  return packed;
}

// A message file around any bytes, cut to whole words.
inline std::vector<std::byte> seal_message(std::span<const std::byte> message, format::MessageKind kind) {
  message = message.first(message.size() & ~size_t{7});
  const format::MessageFrame header{.frame = {},
                                    .kind = kind,
                                    .reserved = 0,
                                    .needs_reader_version = format::kVersion,
                                    .message_bytes = message.size()};
  return seal(header, format::Magic::message, compress(message));
}

// The bytes of the message in a message file, or of the chunk in an events file, decompressed.
template <class Header>
std::vector<std::byte> unseal(std::span<const std::byte> file, uint64_t message_bytes) {
  std::vector<std::byte> message(message_bytes);
  format::Frame frame;
  std::memcpy(&frame, file.data(), sizeof(frame));
  ZSTD_decompress(message.data(), message.size(), file.data() + sizeof(Header), frame.stored_bytes);
  return message;
}

}  // namespace ckpt::fuzz
