// Makes traces for tests, event by event, through the Writer.
#pragma once

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "trace/store/writer.h"

namespace ckpt::testing {

// A folder of its own for each test, removed with it.
class TemporaryFolder final {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ckpt-sql-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::permissions(path_, std::filesystem::perms::owner_all, ignored);
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct MadePart {
  abi::PartRole role;
  uint8_t argument;
  uint64_t address;
  std::string bytes;
};

struct MadeEvent {
  abi::EventKind kind;
  uint16_t number = 0;
  uint32_t task = 1;
  uint32_t time_100us = 0;
  int64_t result = 0;
  std::vector<uint64_t> args = {};
  std::vector<MadePart> parts = {};
};

inline std::vector<std::byte> bytes_of(const MadeEvent& event) {
  std::vector<std::byte> bytes;
  auto add = [&](const void* from, size_t count) {
    auto* start = static_cast<const std::byte*>(from);
    bytes.insert(bytes.end(), start, start + count);
  };
  abi::EventHeader header = {.bytes = 0,
                             .kind = event.kind,
                             .args = static_cast<uint8_t>(event.args.size()),
                             .number = event.number,
                             .task = event.task,
                             .time_100us = event.time_100us,
                             .result = event.result};
  add(&header, sizeof header);
  add(event.args.data(), event.args.size() * sizeof(uint64_t));
  for (const MadePart& made : event.parts) {
    abi::Part part = {.address = made.address,
                      .bytes = static_cast<uint32_t>(made.bytes.size()),
                      .role = made.role,
                      .argument = made.argument,
                      .cut = 0};
    add(&part, sizeof part);
    add(made.bytes.data(), made.bytes.size());
    bytes.resize((bytes.size() + 7) / 8 * 8);
  }
  header.bytes = static_cast<uint32_t>(bytes.size());
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

inline TraceHeader header_of(int pid) {
  TraceHeader header;
  header.abi_version = abi::kAbiVersion;
  header.argv = {"./server", "--port", "80"};
  header.program = "/usr/bin/server";
  header.working_directory = "/srv";
  header.ckpt_version = "0";
  header.kernel = "6.1";
  header.started_ns = 1'700'000'000'000'000'000;
  header.pid = pid;
  return header;
}

class TraceMaker final {
 public:
  // A pid that no process has: the trace then counts as abandoned until it is finished.
  static constexpr int kNoProcess = 0x7ffffff0;

  explicit TraceMaker(const std::string& folder, int pid = kNoProcess)
      : writer_(Writer::create(folder, header_of(pid)).value()) {}

  TraceMaker& add(const MadeEvent& event) {
    auto bytes = bytes_of(event);
    good_ &= writer_.append(bytes).ok();
    return *this;
  }
  TraceMaker& end_chunk() {
    good_ &= writer_.flush().ok();
    return *this;
  }
  bool finish(abi::EndHow how = abi::EndHow::exit_group) {
    TraceEnd end;
    end.how = how;
    return writer_.finish(end).ok() && good_;
  }

 private:
  Writer writer_;
  bool good_ = true;
};

// ---- Events that tests like -----------------------------------------------------------------

inline MadeEvent syscall_event(uint16_t number, int64_t result, std::vector<uint64_t> args, uint32_t task = 1,
                               uint32_t time = 0, std::vector<MadePart> parts = {}) {
  return {abi::EventKind::syscall, number, task, time, result, std::move(args), std::move(parts)};
}
inline MadePart passed(uint8_t argument, std::string bytes) {
  return {abi::PartRole::input, argument, 0x1000, std::move(bytes)};
}
inline MadePart written(uint8_t argument, std::string bytes) {
  return {abi::PartRole::output, argument, 0x2000, std::move(bytes)};
}

// A small program: two tasks, files, a signal, switches. Two chunks.
inline void make_small_trace(TraceMaker& maker) {
  using abi::EventKind;
  maker
      .add({.kind = EventKind::image, .args = {0}})  // 1
      .add(syscall_event(257, 3, {uint64_t(-100), 0x1000, 0, 0}, 1, 10, {passed(1, std::string("/etc/hosts\0", 11))}))
      .add(syscall_event(0, 5, {3, 0x2000, 512}, 1, 12, {written(1, "hello")}))  // 3
      .add(syscall_event(257, -2, {uint64_t(-100), 0x1000, 0, 0}, 1, 13, {passed(1, std::string("/nope\0", 6))}))
      .add(syscall_event(9, 0x7f0000001000, {0, 8192, 3, 0x22, uint64_t(-1), 0}, 1, 14))  // 5
      .add({.kind = EventKind::task_start, .task = 2, .time_100us = 20, .result = 4243, .args = {1, 0x3d0f00}})
      .end_chunk()
      .add({.kind = EventKind::turn, .number = 1, .task = 2, .time_100us = 30, .args = {1, 4}})  // 7
      .add(syscall_event(157, 0, {15, 0x1000, 0, 0, 0}, 2, 31, {passed(1, std::string("worker\0", 7))}))
      .add(syscall_event(1, 4, {1, 0x1000, 4}, 2, 32, {passed(1, "a\"b\n")}))  // 9
      .add({.kind = EventKind::instruction,
            .number = 1,
            .task = 2,
            .time_100us = 33,
            .result = 99,
            .args = {0x400000, 0}})
      .add({.kind = EventKind::signal, .number = 15, .task = 2, .time_100us = 5033, .args = {0, 0x401000}})  // 11
      .add({.kind = EventKind::task_end, .task = 2, .time_100us = 5040, .result = 7})
      .add({.kind = EventKind::turn, .number = 3, .task = 1, .time_100us = 5041, .args = {2, 0}})  // 13
      .add(syscall_event(3, -9, {77}, 1, 5042))
      .add({.kind = EventKind::end, .number = 0, .task = 1, .time_100us = 5043, .result = 3});  // 15
}

}  // namespace ckpt::testing
