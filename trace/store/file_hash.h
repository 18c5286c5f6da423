// Names of file copies: XXH3-128 of the content, as 32 hex digits, high half first.
//
// Threads: functions without state.
// Errors:  io.
#pragma once

#include <cstdint>
#include <string>

#include "trace/base/result.h"
#include "trace/store/store.h"

namespace ckpt {

std::string hash_name(uint64_t hi, uint64_t lo);

// Exactly 32 digits 0-9 a-f: nothing that could leave the folder.
bool is_hash_name(const std::string& name);

// Reads all of `fd`; if `to` is not -1 writes it there as well.
Result<FileCopy> hash_file(int fd, const std::string& path, int to = -1);

}  // namespace ckpt
