// What the shim hands to the agent, and the table it jumps through. The shim is part of the
// program's image and may be older than the agent that replays it: only add at the end.
#pragma once

#define CKPT_SHIM_VERSION 2

// Fixed places at the start of the agent's blob: header, then jumps of 16 bytes each.
#define CKPT_BLOB_MAGIC 0x31746e6567612e63
#define CKPT_BLOB_START 0x40
#define CKPT_BLOB_ENTRY 0x50
#define CKPT_BLOB_POINT 0x60
#define CKPT_BLOB_RANDOM 0x70
#define CKPT_BLOB_RESTORE 0x80

// How far the interposed functions are apart in the shim.
#define CKPT_POINT_BYTES 128

#ifndef __ASSEMBLER__
#include <stdint.h>

struct BlobHeader {
  uint64_t magic;
  uint64_t text_bytes;    // mapped readable and executable
  uint64_t file_bytes;    // text and data; data is mapped writable
  uint64_t memory_bytes;  // with bss
};

struct ShimTable {
  uint64_t version;
  uint64_t enabled;       // 0: interposed calls go straight on
  uint64_t point;         // address of the agent's point entry
  uint64_t random;        // address of uint32_t random()
  const volatile uint32_t* attention;  // points to not 0: look at `enabled`, and if that is set enter the agent
  const char* points;     // code of the first interposed function; CKPT_POINT_BYTES each
};

struct ShimParams {
  uint64_t version;
  struct ShimTable* table;
  char** environment;     // to be cleaned of our variables
  uint64_t zone;
};
#endif
