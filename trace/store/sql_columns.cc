// The virtual tables as data: which columns each has, and what a column's value is.
#include <csignal>
#include <cstring>

#include "trace/store/sql_print.h"
#include "trace/store/sql_table.h"

namespace ckpt::sql {
namespace {

using Out = sqlite3_context*;

void give(Out out, const std::string& words) {
  sqlite3_result_text64(out, words.data(), words.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}
void give(Out out, uint64_t number) {
  sqlite3_result_int64(out, static_cast<sqlite3_int64>(number));
}

// ---- Columns that every table has ----------------------------------------------------
void event_value(Out out, const Row& row) {
  give(out, row.number.value);
}
void time_value(Out out, const Row& row) {
  sqlite3_result_double(out, seconds(row.time_100us));
}
void gap_value(Out out, const Row& row) {
  sqlite3_result_double(out, seconds(row.gap_100us));
}
void task_value(Out out, const Row& row) {
  give(out, uint64_t{row.task});
}
void tid_value(Out out, const Row& row) {
  auto tid = row.trace.tid(row.task);
  if (!tid) {
    row.trace.failure = tid.error();
    sqlite3_result_error(out, tid.error().message.c_str(), -1);
  } else if (*tid) {
    sqlite3_result_int64(out, **tid);
  }
}
void kind_value(Out out, const Row& row) {
  give(out, kind_name(row.kind));
}
void number_value(Out out, const Row& row) {
  give(out, uint64_t{row.event_number});
}
void name_value(Out out, const Row& row) {
  give(out, event_name(row.kind, row.event_number));
}

constexpr Column kEvent = {"event", "INTEGER", Push::event, true, event_value};
constexpr Column kTime = {"time", "REAL", Push::time, true, time_value};
constexpr Column kGap = {"gap", "REAL", Push::none, true, gap_value};
constexpr Column kTask = {"task", "INTEGER", Push::task, true, task_value};
constexpr Column kTid = {"tid", "INTEGER", Push::none, true, tid_value};
constexpr Column kKind = {"kind", "TEXT", Push::kind, true, kind_value};
constexpr Column named(const char* name) {
  return {name, "TEXT", Push::name, true, name_value};
}
constexpr Column numbered(const char* name) {
  return {name, "INTEGER", Push::number, true, number_value};
}

// ---- Columns of whole events ------------------------------------------------------------
void result_value(Out out, const Row& row) {
  sqlite3_result_int64(out, row.event->header().result);
}
void args_value(Out out, const Row& row) {
  give(out, printed_args(*row.event));
}
void errno_value(Out out, const Row& row) {
  if (auto name = error_name(row.event->header().result)) give(out, *name);
}
template <size_t place>
void arg_value(Out out, const Row& row) {
  if (place < row.event->header().args) give(out, row.event->arg(place));
}
template <size_t place>
constexpr Column argument(const char* name) {
  return {name, "INTEGER", Push::none, false, arg_value<place>};
}
constexpr Column result_called(const char* name) {
  return {name, "INTEGER", Push::none, false, result_value};
}
constexpr Column kArgs = {"args", "TEXT", Push::none, false, args_value};
constexpr Column kErrno = {"errno", "TEXT", Push::none, false, errno_value};

// ---- Signals ------------------------------------------------------------------------------
std::optional<siginfo_t> siginfo_of(const Row& row) {
  for (PartView part : row.event->parts()) {
    if (part.part.role != abi::PartRole::input || part.bytes.size() < sizeof(siginfo_t)) continue;
    siginfo_t info;
    std::memcpy(&info, part.bytes.data(), sizeof info);
    return info;
  }
  return std::nullopt;
}
void how_value(Out out, const Row& row) {
  give(out, signal_how(*row.event));
}
void code_value(Out out, const Row& row) {
  if (auto info = siginfo_of(row)) sqlite3_result_int(out, info->si_code);
}
// Which fields of a siginfo_t mean something depends on who sent it.
void sender_value(Out out, const Row& row) {
  auto info = siginfo_of(row);
  if (info && (info->si_code <= 0 || info->si_signo == SIGCHLD)) sqlite3_result_int(out, info->si_pid);
}
void fault_value(Out out, const Row& row) {
  auto info = siginfo_of(row);
  if (info && info->si_code > 0 && info->si_signo != SIGCHLD && info->si_signo != SIGPOLL)
    give(out, reinterpret_cast<uint64_t>(info->si_addr));
}

// ---- Parts ------------------------------------------------------------------------------
void part_value(Out out, const Row& row) {
  give(out, uint64_t{row.part_index});
}
void address_value(Out out, const Row& row) {
  give(out, row.part->part.address);
}
void bytes_value(Out out, const Row& row) {
  give(out, uint64_t{row.part->part.bytes});
}
void part_argument_value(Out out, const Row& row) {
  give(out, uint64_t{row.part->part.argument});
}
void cut_value(Out out, const Row& row) {
  give(out, uint64_t{row.part->part.cut});
}
void data_value(Out out, const Row& row) {
  sqlite3_result_blob64(out, row.part->bytes.data(), row.part->bytes.size(), SQLITE_TRANSIENT);
}
void text_value(Out out, const Row& row) {
  give(out, quoted(row.part->bytes, row.part->bytes.size()));
}
void written_value(Out out, const Row& row) {
  uint64_t bytes = 0;
  for (PartView part : row.event->parts())
    if (part.part.role == abi::PartRole::output) bytes += part.bytes.size();
  give(out, bytes);
}

constexpr Column kPart = {"part", "INTEGER", Push::none, false, part_value};
constexpr Column kAddress = {"address", "INTEGER", Push::none, false, address_value};
constexpr Column kBytes = {"bytes", "INTEGER", Push::none, false, bytes_value};
constexpr Column kArgument = {"argument", "INTEGER", Push::none, false, part_argument_value};
constexpr Column kData = {"data", "BLOB", Push::none, false, data_value};

// ---- Tables -----------------------------------------------------------------------------
constexpr std::array kEvents = {
    kEvent, kTime, kGap, kTask, kTid, kKind, numbered("number"), named("name"), result_called("result"), kArgs};
constexpr std::array kSyscalls = {kEvent,
                                  kTime,
                                  kGap,
                                  kTask,
                                  kTid,
                                  numbered("nr"),
                                  named("name"),
                                  result_called("result"),
                                  kErrno,
                                  argument<0>("arg0"),
                                  argument<1>("arg1"),
                                  argument<2>("arg2"),
                                  argument<3>("arg3"),
                                  argument<4>("arg4"),
                                  argument<5>("arg5"),
                                  kArgs};
constexpr std::array kSignals = {kEvent,
                                 kTime,
                                 kTask,
                                 kTid,
                                 numbered("signal"),
                                 named("name"),
                                 Column{"how", "TEXT", Push::none, false, how_value},
                                 Column{"code", "INTEGER", Push::none, false, code_value},
                                 Column{"sender", "INTEGER", Push::none, false, sender_value},
                                 Column{"fault", "INTEGER", Push::none, false, fault_value},
                                 argument<1>("handler")};
constexpr std::array kSwitches = {
    kEvent, kTime, kTask, kTid, named("given"), argument<0>("previous"), argument<1>("points")};
constexpr std::array kInstructions = {
    kEvent, kTime, kTask, kTid, named("name"), result_called("result"), argument<1>("second"), argument<0>("pc")};
constexpr std::array kCalls = {kEvent,
                               kTime,
                               kTask,
                               kTid,
                               named("name"),
                               argument<1>("arg0"),
                               argument<2>("arg1"),
                               argument<3>("arg2"),
                               result_called("caller"),
                               kArgs};
constexpr std::array kPatches = {kEvent,
                                 kTime,
                                 kTask,
                                 kTid,
                                 named("step"),
                                 argument<0>("arg0"),
                                 argument<1>("arg1"),
                                 argument<2>("arg2"),
                                 argument<3>("arg3"),
                                 argument<4>("arg4"),
                                 argument<5>("arg5"),
                                 Column{"bytes", "INTEGER", Push::none, false, written_value}};
constexpr std::array kMemory = {kEvent, kTime, kTask, kKind, named("name"), kPart, kArgument, kAddress, kBytes, kData};
constexpr std::array kInputs = {kEvent,        kTime,
                                kTask,         kKind,
                                named("name"), kPart,
                                kArgument,     kAddress,
                                kBytes,        Column{"cut", "INTEGER", Push::none, false, cut_value},
                                kData,         Column{"text", "TEXT", Push::none, false, text_value}};

constexpr uint64_t only(abi::EventKind kind) {
  return uint64_t{1} << static_cast<uint8_t>(kind);
}

constexpr std::array kTables = {
    Table{"events", "every event of the trace", UINT64_MAX, {}, kEvents},
    Table{"syscalls", "system calls; args is printed by name", only(abi::EventKind::syscall), {}, kSyscalls},
    Table{"signals", "signals delivered to the program", only(abi::EventKind::signal), {}, kSignals},
    Table{"switches", "the turn given to a task by the previous one", only(abi::EventKind::turn), {}, kSwitches},
    Table{"instructions", "rdtsc, cpuid and their like", only(abi::EventKind::instruction), {}, kInstructions},
    Table{
        "calls", "interposed calls: allocation and locks; ckpt record --calls", only(abi::EventKind::call), {}, kCalls},
    Table{"patches", "program code that was rewritten", only(abi::EventKind::patch), {}, kPatches},
    Table{"memory", "what the kernel wrote into the program", UINT64_MAX, abi::PartRole::output, kMemory},
    Table{"inputs", "what the program passed", UINT64_MAX, abi::PartRole::input, kInputs},
};

}  // namespace

std::span<const Table> tables() {
  return kTables;
}

}  // namespace ckpt::sql
