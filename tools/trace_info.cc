// ckpt-trace info and verify: what a trace is, and whether it is whole.
#include <cstdio>
#include <memory>

#include "tools/command.h"
#include "tools/paths.h"
#include "tools/trace_commands.h"
#include "trace/store/sql_print.h"

namespace ckpt {
namespace {

using Facts = std::vector<std::pair<std::string, SqlValue>>;

struct Options {
  std::string trace;
  bool json = false;
};

SqlValue number(uint64_t value) {
  return static_cast<int64_t>(value);
}

void add_header(Facts& facts, const TraceHeader& header) {
  std::string arguments;
  for (const std::string& argument : header.argv) arguments += text(arguments.empty() ? "" : " ", argument);
  facts.insert(facts.end(), {{"program", header.program},
                             {"arguments", arguments},
                             {"working_directory", header.working_directory},
                             {"environment_variables", number(header.environment.size())},
                             {"pid", int64_t{header.pid}},
                             {"started", printed_date(header.started_ns)},
                             {"mode", header.mode},
                             {"ckpt_version", header.ckpt_version},
                             {"format_version", int64_t{header.format_version}},
                             {"needs_reader_version", int64_t{header.needs_reader_version}},
                             {"abi_version", int64_t{header.abi_version}},
                             {"kernel", header.kernel},
                             {"zone", text("0x", std::hex, header.zone_base)},
                             {"tsc_hz", number(header.tsc_hz)},
                             {"xcr0", text("0x", std::hex, header.xcr0)},
                             {"xsave_bytes", int64_t{header.xsave_bytes}},
                             {"cpuid_rows", number(header.cpuid.size())}});
}

void add_events(Facts& facts, const std::vector<ChunkInfo>& chunks) {
  uint64_t events = 0, raw = 0, stored = 0;
  uint32_t last_time = 0;
  for (const ChunkInfo& chunk : chunks) {
    events += chunk.count;
    raw += chunk.raw_bytes;
    stored += chunk.stored_bytes;
    last_time = std::max(last_time, chunk.max_time_100us);
  }
  facts.insert(facts.end(), {{"events", number(events)},
                             {"seconds", seconds(last_time)},
                             {"chunks", number(chunks.size())},
                             {"event_bytes", number(raw)},
                             {"stored_event_bytes", number(stored)}});
}

void add_end(Facts& facts, const TraceEnd& end, uint64_t started_ns) {
  std::string refused;
  for (const std::string& call : end.refused) refused += text(refused.empty() ? "" : ", ", call);
  facts.insert(facts.end(),
               {{"ended", end_name(end.how)},
                {"status", end.status},
                {"wall_seconds", end.ended_ns > started_ns ? double(end.ended_ns - started_ns) / 1e9 : 0.0},
                {"unrecorded_children", number(end.children)},
                {"slow_entries", number(end.slow_entries)},
                {"inexact_from_event", end.inexact_event ? number(end.inexact_event) : SqlValue()},
                {"final_hash", std::string(end.has_final_hash ? "yes" : "no")},
                {"refused", refused.empty() ? SqlValue() : SqlValue(refused)},
                {"note", end.note.empty() ? SqlValue() : SqlValue(end.note)}});
}

Result<Facts> facts_of(const std::string& folder) {
  CKPT_TRY(Reader reader, Reader::open(folder));
  CKPT_TRY(TraceState state, state_of(reader));
  CKPT_TRY(std::vector<ChunkInfo> chunks, reader.chunks());
  CKPT_TRY(std::optional<TraceEnd> end, reader.end());
  Facts facts = {{"name", trace_name(folder)}, {"folder", folder}, {"state", std::string(state_name(state))}};
  add_header(facts, reader.header());
  add_events(facts, chunks);
  if (end) add_end(facts, *end, reader.header().started_ns);
  facts.emplace_back("own_bytes", number(own_bytes(folder)));
  return facts;
}

Result<void> info(const Options& options) {
  CKPT_TRY(std::string folder, resolve_trace(options.trace));
  CKPT_TRY(Facts facts, facts_of(folder));
  std::vector<std::string> names;
  std::vector<SqlValue> values;
  for (auto& [name, value] : facts) {
    names.push_back(name);
    values.push_back(value);
  }
  if (options.json) {
    RowPrinter printer(stdout, Form::json, names);
    printer.row(values);
    return printer.finish();
  }
  RowPrinter printer(stdout, Form::table, {"fact", "value"});
  for (size_t i = 0; i < names.size(); ++i) {
    if (std::holds_alternative<std::monostate>(values[i])) continue;
    auto* bytes = names[i].ends_with("bytes") ? std::get_if<int64_t>(&values[i]) : nullptr;
    std::string shown =
        bytes && *bytes >= 1024 ? text(*bytes, " (", printed_bytes(static_cast<uint64_t>(*bytes)), ")") : "";
    // As text, so that the column stays to the left.
    if (shown.empty()) shown = printed_value(values[i]);
    printer.row({names[i], shown});
  }
  return printer.finish();
}

// 0 if all is whole, 1 if something is damaged.
Result<int> verify(const Options& options) {
  CKPT_TRY(std::string folder, resolve_trace(options.trace));
  CKPT_TRY(Reader reader, Reader::open(folder));
  CKPT_TRY(VerifyReport report, reader.verify());
  say_state(reader);
  for (const Problem& problem : report.problems)
    complain(0, text(trace_name(folder), "/", problem.file, ": byte ", problem.offset, ": ", problem.message));
  RowPrinter printer(stdout, options.json ? Form::json : Form::table,
                     {"trace", "chunks", "events", "images", "files", "checked_bytes", "complete", "cut", "problems"});
  auto word = [](bool yes) { return std::string(yes ? "yes" : "no"); };
  printer.row({trace_name(folder), number(report.chunks), number(report.events), number(report.images),
               number(report.files), number(report.checked_bytes), word(report.complete), word(report.cut),
               number(report.problems.size())});
  CKPT_CHECK(printer.finish());
  return report.ok() ? 0 : kExitProblem;
}

}  // namespace

Run add_info(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("info", "all facts of a trace");
  command->add_option("TRACE", options->trace, "a folder or a name in the store; the latest without it");
  command->add_flag("--json", options->json, "answer as one JSON object");
  return [options] {
    auto done = info(*options);
    return done ? 0 : fail(done.error());
  };
}

Run add_verify(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("verify", "check every checksum; 1 if something is damaged");
  command->add_option("TRACE", options->trace, "a folder or a name in the store; the latest without it");
  command->add_flag("--json", options->json, "answer as one JSON object");
  return [options] {
    auto done = verify(*options);
    return done ? *done : fail(done.error());
  };
}

}  // namespace ckpt
