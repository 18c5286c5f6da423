// The constants of FORMAT.md: magics, limits and the fixed headers of frames.
//
// All numbers are little-endian, as on the only machine we record on.
#pragma once

#include <cstddef>
#include <cstdint>

#include "trace/store/event_view.h"

namespace ckpt::format {

// The version this code writes and the newest it reads. FORMAT.md has the history.
inline constexpr uint32_t kVersion = 1;
// A trace written by this code can be read from this version on.
inline constexpr uint32_t kNeedsReaderVersion = 1;

// A chunk is written when its events reach either.
inline constexpr uint32_t kChunkRawBytes = 1u << 20;
inline constexpr uint32_t kChunkEvents = 16384;

// ---- Limits a reader holds files to -----------------------------------------------------
// The last event of a chunk may start just before kChunkRawBytes.
inline constexpr uint32_t kMaxChunkRawBytes = kChunkRawBytes + kMaxEventBytes;
// Worst case of a chunk's message: columns of incompressible events take 10/8 of them.
inline constexpr uint32_t kMaxChunkMessageBytes = 16u << 20;
inline constexpr uint32_t kMaxShapes = 4096;
inline constexpr uint64_t kMaxMessageBytes = 512ull << 20;
inline constexpr uint32_t kMaxHeaderBytes = 4096;
inline constexpr uint32_t kPage = 4096;
inline constexpr uint32_t kSegmentPages = 64;
inline constexpr uint32_t kHashBlockPages = 4096;
inline constexpr uint32_t kMaxRegions = 1u << 20;
inline constexpr uint32_t kMaxTasks = 1u << 16;

// ---- Frames -----------------------------------------------------------------------------
enum class Magic : uint32_t {
  chunk = 0x45504B43,    // "CKPE": events
  message = 0x4D504B43,  // "CKPM": one Cap'n Proto message: header, end, image-N, end of hashes-N
  segment = 0x53504B43,  // "CKPS": pages, in image-N.pages
  hashes = 0x48504B43,   // "CKPH": page hashes, in hashes-N
};

// Every frame begins with this; then header_bytes - 40 bytes by kind of frame, then the
// payload, then zeros to a multiple of 8.
struct Frame {
  Magic magic;
  uint16_t version;       // kVersion of the writer
  uint16_t flags;         // 0; a reader refuses bits it does not know
  uint32_t header_bytes;  // this and what follows it by kind; multiple of 8
  uint32_t reserved;
  uint64_t stored_bytes;  // of the payload, padding not included
  uint64_t payload_hash;  // XXH3-64 of the payload
  uint64_t header_hash;   // XXH3-64 of header_bytes with this field 0
};
static_assert(sizeof(Frame) == 40 && offsetof(Frame, header_hash) == 32);

struct ChunkFrame {
  Frame frame;
  uint64_t first_event;
  uint32_t count;
  uint32_t raw_bytes;      // of the events
  uint32_t message_bytes;  // of the Chunk message before compression
  uint32_t min_time_100us;
  uint32_t max_time_100us;
  uint32_t min_task;
  uint32_t max_task;
  uint32_t reserved;
  uint64_t task_mask;    // bit task % 64
  uint64_t kind_mask;    // bit kind % 64
  uint64_t number_mask;  // bit number % 64
};
static_assert(sizeof(ChunkFrame) == 104 && offsetof(ChunkFrame, task_mask) == 80);

// What a message frame holds.
enum class MessageKind : uint16_t { header = 1, end = 2, image = 3, hashes = 4 };

struct MessageFrame {
  Frame frame;
  MessageKind kind;
  uint16_t reserved;
  uint32_t needs_reader_version;
  uint64_t message_bytes;  // before compression
};
static_assert(sizeof(MessageFrame) == 56);

// Payload: 16 bytes of hash for each page, then the pages, compressed.
struct SegmentFrame {
  Frame frame;
  uint64_t first_stored;  // place of its first page among all stored pages
  uint32_t pages;         // 1 to kSegmentPages
  uint32_t reserved;
};
static_assert(sizeof(SegmentFrame) == 56);

// Payload: `runs` times (u64 address, u64 pages), then 16 bytes of hash for each page.
struct HashFrame {
  Frame frame;
  uint32_t runs;   // at least 1
  uint32_t pages;  // of all runs, 1 to kHashBlockPages
};
static_assert(sizeof(HashFrame) == 48);

constexpr uint64_t padded(uint64_t bytes) {
  return (bytes + 7) & ~uint64_t{7};
}

// ---- Chunk columns ----------------------------------------------------------------------
inline constexpr uint32_t kArgStreams = 7;
inline constexpr uint32_t kForecastSlots = 2048;
// `changed`: bit 0 result, bits 1 to 6 arguments 0 to 5, bit 7 any later argument.
inline constexpr uint8_t kChangedResult = 1;
inline constexpr uint8_t kChangedRest = 0x80;
// `parts`: bits 0 and 1 say how the bytes are kept.
enum class Kept : uint8_t { raw = 0, same = 1, words = 2 };
inline constexpr uint8_t kPartKept = 3;
inline constexpr uint8_t kPartAddress = 4;
inline constexpr uint8_t kPartLength = 8;

// ---- The cache of a file store ----------------------------------------------------------
inline constexpr uint32_t kCacheSets = 8192;
inline constexpr uint32_t kCacheWays = 4;
struct CacheSlot {
  uint64_t device, inode, bytes, mtime_ns, ctime_ns;
  uint64_t hash_lo, hash_hi;
  uint64_t check;  // XXH3-64 of the seven before, seeded with kVersion
};
static_assert(sizeof(CacheSlot) == 64);

}  // namespace ckpt::format
