// ckpt-trace dump: events in words, one line each, with the memory that belongs to them.
#include <charconv>
#include <cstdio>
#include <map>
#include <memory>

#include "tools/command.h"
#include "tools/paths.h"
#include "tools/trace_commands.h"
#include "trace/store/sql_print.h"

namespace ckpt {
namespace {

struct Options {
  std::string trace;
  std::string events;
  uint32_t task = 0;
  bool json = false;
};

struct Range {
  uint64_t first = 1, last = UINT64_MAX;
};

bool read_number(std::string_view words, uint64_t& number) {
  auto [end, failed] = std::from_chars(words.data(), words.data() + words.size(), number);
  return failed == std::errc() && end == words.data() + words.size();
}

// A..B, A.., ..B or A.
Result<Range> range_of(const std::string& words) {
  Range range;
  if (words.empty()) return range;
  size_t dots = words.find("..");
  std::string_view first = std::string_view(words).substr(0, dots);
  std::string_view last = dots == std::string::npos ? first : std::string_view(words).substr(dots + 2);
  bool good = (first.empty() ? dots != std::string::npos : read_number(first, range.first)) &&
              (last.empty() ? dots != std::string::npos : read_number(last, range.last)) && range.first <= range.last;
  if (!good)
    return Error{.code = Code::usage, .message = text("--events ", words, ": is no range; give A..B, A.. or A")};
  return range;
}

const char* role_name(abi::PartRole role) {
  return role == abi::PartRole::output ? "output" : "input";
}

// `read(fd=3, buf=0x7ffe10, count=512) = 5` and what the other kinds look like.
std::string headline(const EventView& event) {
  const abi::EventHeader& header = event.header();
  std::string name = event_name(header.kind, header.number), args = printed_args(event);
  if (header.kind == abi::EventKind::syscall) return text(name, "(", args, ") = ", printed_result(event));
  std::string line = kind_name(header.kind);
  if (has_numbers(header.kind)) line += " " + name;
  if (!args.empty()) line += "(" + args + ")";
  if (std::string result = printed_result(event); !result.empty()) line += " = " + result;
  return line;
}

void print_words(EventNumber number, const EventView& event) {
  const abi::EventHeader& header = event.header();
  std::printf("%llu  %.4f  task %u  %s\n", static_cast<unsigned long long>(number.value), seconds(header.time_100us),
              header.task, headline(event).c_str());
  for (PartView part : event.parts())
    std::printf("    %-6s arg%u  0x%llx  %u bytes%s  %s\n", role_name(part.part.role), part.part.argument,
                static_cast<unsigned long long>(part.part.address), part.part.bytes, part.part.cut ? " of more" : "",
                quoted(part.bytes).c_str());
}

std::string json_parts(const EventView& event) {
  std::string json;
  for (PartView part : event.parts()) {
    std::vector<std::byte> data(part.bytes.begin(), part.bytes.end());
    json += text(json.empty() ? "" : ",", "{\"role\":\"", role_name(part.part.role),
                 "\",\"argument\":", unsigned{part.part.argument}, ",\"address\":", part.part.address,
                 ",\"bytes\":", part.part.bytes, ",\"cut\":", part.part.cut ? "true" : "false",
                 ",\"data\":", json_value(data), "}");
  }
  return json;
}

void print_json(EventNumber number, const EventView& event) {
  const abi::EventHeader& header = event.header();
  std::string args;
  for (uint64_t arg : event.args()) args += text(args.empty() ? "" : ",", arg);
  auto error = error_name(header.result);
  bool failed = header.kind == abi::EventKind::syscall && error;
  std::string line =
      text("{\"event\":", number.value, ",\"time\":", json_value(seconds(header.time_100us)), ",\"task\":", header.task,
           ",\"kind\":", json_string(kind_name(header.kind)), ",\"number\":", header.number,
           ",\"name\":", json_string(event_name(header.kind, header.number)), ",\"result\":", header.result,
           ",\"errno\":", failed ? json_string(*error) : "null", ",\"args\":[", args,
           "],\"text\":", json_string(printed_args(event)), ",\"parts\":[", json_parts(event), "]}\n");
  std::fwrite(line.data(), 1, line.size(), stdout);
}

Result<void> dump(const Options& options) {
  CKPT_TRY(Range range, range_of(options.events));
  CKPT_TRY(std::string folder, resolve_trace(options.trace));
  CKPT_TRY(Reader reader, Reader::open(folder));
  CKPT_TRY(std::vector<ChunkInfo> chunks, reader.chunks());
  say_state(reader);
  for (const ChunkInfo& info : chunks) {
    if (info.first.value > range.last) break;
    if (info.end().value <= range.first || (options.task && !info.may_have_task(options.task))) continue;
    CKPT_TRY(ChunkView chunk, reader.read_chunk(info));
    uint64_t number = info.first.value;
    for (EventView event : chunk.range()) {
      EventNumber here{number++};
      if (here.value < range.first || here.value > range.last) continue;
      if (options.task && event.header().task != options.task) continue;
      options.json ? print_json(here, event) : print_words(here, event);
    }
  }
  // Damage ends the list of chunks: the error is the next one's.
  uint64_t reached = chunks.empty() ? 1 : chunks.back().end().value;
  if (range.last >= reached) {
    CKPT_CHECK(reader.seek({reached}));
    CKPT_TRY(std::optional<ChunkView> more, reader.next_chunk());
  }
  if (std::fflush(stdout) != 0) return io_error("write the answer");
  return {};
}

}  // namespace

Run add_dump(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("dump", "print events: arguments by name, memory shortened");
  command->add_option("TRACE", options->trace, "a folder or a name in the store; the latest without it");
  command->add_option("--events", options->events, "A..B, A.., ..B or A")->type_name("RANGE");
  command->add_option("--task", options->task, "only this task's")->type_name("TASK");
  command->add_flag("--json", options->json, "one JSON object a line, with all bytes");
  return [options] {
    auto done = dump(*options);
    return done ? 0 : fail(done.error());
  };
}

}  // namespace ckpt
