// The parts of Reader::verify() that are not events: images, page hashes and file copies.
//
// Threads: functions without state.
// Errors:  io if the folder cannot be listed; damage is put into the report.
#pragma once

#include <string>

#include "trace/base/result.h"
#include "trace/store/reader.h"

namespace ckpt {

// Checks every image-N with its image-N.pages, every hashes-N and every files/HASH of `folder`: all
// checksums, that the files an image needs are there, and that copies have their hash.
Result<void> verify_memory(const std::string& folder, VerifyReport& report);

}  // namespace ckpt
