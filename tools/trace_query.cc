// ckpt-trace query: SQL, and questions that come ready-made.
#include <algorithm>
#include <memory>

#include "tools/command.h"
#include "tools/paths.h"
#include "tools/trace_commands.h"
#include "trace/store/sql.h"

namespace ckpt {
namespace {

struct Question {
  const char* option;
  const char* help;
  const char* sql;
};

constexpr Question kQuestions[] = {
    {"--syscalls", "how often each syscall was made, and failed",
     "SELECT name, sum(events) AS calls, sum(errors) AS errors, count(*) AS tasks FROM counts WHERE kind = 'syscall'"
     " GROUP BY name ORDER BY calls DESC, name"},
    {"--threads", "the tasks: when each began and ended, what it did",
     "SELECT task, tid, name, parent, start_event, end_event, start_time, end_time, status, events, turns FROM tasks"
     " ORDER BY task"},
    {"--files", "paths opened or run, by which task, with which result",
     "SELECT event, task, call, path, coalesce(errno, result) AS result FROM files ORDER BY event"},
    {"--slow", "the 20 longest gaps in time, with the event that ended each",
     "SELECT event, gap, time, task, tid, kind, name FROM events WHERE gap > 0 ORDER BY gap DESC, event LIMIT 20"},
    {"--calls", "how often each allocation and lock function was called (ckpt record --calls)",
     "SELECT name, count(*) AS calls, count(DISTINCT task) AS tasks FROM calls GROUP BY name ORDER BY calls DESC, "
     "name"},
    {"--switches", "from which task to which the turn passed, how often and why",
     "SELECT previous AS \"from\", task AS \"to\", given, count(*) AS switches, min(event) AS first_event,"
     " max(event) AS last_event FROM switches GROUP BY previous, task, given ORDER BY switches DESC, previous, task,"
     " given"},
};
constexpr size_t kQuestionCount = std::size(kQuestions);

struct Options {
  std::string first, second;
  bool asked[kQuestionCount] = {};
  bool tables = false;
  FormOptions form;
};

// What is to be run, from options and one or two words: TRACE, SQL, or both.
struct Task {
  std::string trace;
  std::string sql;
};

Result<Task> task_of(const Options& options) {
  if (std::count(std::begin(options.asked), std::end(options.asked), true) + options.tables > 1)
    return Error{.code = Code::usage, .message = "query: more than one question; ask one at a time"};
  for (size_t i = 0; i < kQuestionCount; ++i) {
    if (!options.asked[i]) continue;
    if (!options.second.empty())
      return Error{.code = Code::usage, .message = text(kQuestions[i].option, ": takes no SQL; leave one out")};
    return Task{options.first, kQuestions[i].sql};
  }
  if (options.tables) return Task{options.first, ""};
  if (!options.second.empty()) return Task{options.first, options.second};
  if (options.first.empty() || resolve_trace(options.first))
    return Error{.code = Code::usage, .message = "query: neither SQL nor a question; see ckpt-trace query --help"};
  return Task{"", options.first};
}

Result<void> print_tables(const Sql& sql, RowPrinter& printer) {
  for (const SqlTable& table : sql.tables()) {
    std::string columns;
    for (const std::string& column : table.columns) columns += text(columns.empty() ? "" : ", ", column);
    printer.row({table.name, columns, table.about});
  }
  return printer.finish();
}

Result<void> answer(const Options& options) {
  CKPT_TRY(Task task, task_of(options));
  CKPT_TRY(std::string folder, resolve_trace(task.trace));
  CKPT_TRY(Sql sql, Sql::open(folder));
  if (task.sql.empty()) {
    RowPrinter printer(stdout, options.form.form(), {"table", "columns", "about"});
    return print_tables(sql, printer);
  }
  CKPT_TRY(SqlStatement statement, sql.prepare(task.sql, show_progress("making the index")));
  end_progress();
  say_state(sql.reader());
  RowPrinter printer(stdout, options.form.form(), statement.columns());
  for (;;) {
    auto more = statement.next();
    if (!more) {
      (void)printer.finish();
      return more.error();
    }
    if (!*more) return printer.finish();
    std::vector<SqlValue> values;
    for (size_t i = 0; i < statement.columns().size(); ++i) values.push_back(statement.value(i));
    printer.row(std::move(values));
  }
}

}  // namespace

Run add_query(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("query", "ask a trace with SQL, or one of the ready-made questions");
  command->add_option("TRACE", options->first, "a folder or a name in the store; the latest without it");
  command->add_option("SQL", options->second, "one select statement; --tables lists what can be asked");
  for (size_t i = 0; i < kQuestionCount; ++i)
    command->add_flag(kQuestions[i].option, options->asked[i], kQuestions[i].help)->group("Questions");
  command->add_flag("--tables", options->tables, "the tables and their columns")->group("Questions");
  add_form(*command, options->form);
  return [options] {
    auto done = answer(*options);
    return done ? 0 : fail(done.error());
  };
}

}  // namespace ckpt
