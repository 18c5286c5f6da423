// TraceHeader and TraceEnd as the files `header` and `end` of a trace folder.
//
// Threads: functions without state.
// Errors:  not_found, io, corrupt, unsupported (newer format; the message names both versions).
#pragma once

#include <string>

#include "trace/base/result.h"
#include "trace/store/store.h"

namespace ckpt {

Result<void> write_header(const std::string& folder, const TraceHeader& header);
Result<TraceHeader> read_header(const std::string& folder);

Result<void> write_end(const std::string& folder, const TraceEnd& end);
Result<TraceEnd> read_end(const std::string& folder);

}  // namespace ckpt
