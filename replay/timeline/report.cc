#include "replay/timeline/report.h"

#include <array>
#include <cstring>

#include "record/agent/task.h"
#include "trace/model/names.h"

namespace ckpt {

namespace {

struct Facts {
  abi::Divergence what;
  uint64_t task, a, b, c;
  bool has_event;
};

std::string place(const std::vector<Mapping>& mappings, uint64_t pc) {
  for (const Mapping& m : mappings)
    if (pc >= m.start && pc < m.end)
      return text("0x", std::hex, pc, " (", m.name.empty() ? "anonymous memory" : m.name, "+0x",
                  pc - m.start + m.offset, ")");
  return text("0x", std::hex, pc);
}

std::string event_words(const abi::EventHeader& event, const uint64_t* args) {
  switch (event.kind) {
    case abi::EventKind::syscall: return model::syscall_name(event.number) + "()";
    case abi::EventKind::turn:
      return text("task ", event.task, " takes the turn from task ", args[0], " (how ", event.number, ", points ",
                  args[1], ")");
    case abi::EventKind::signal: return model::signal_name(event.number);
    case abi::EventKind::instruction: return text("instruction ", event.number);
    case abi::EventKind::end: return "the end of the program";
    default: return text("event kind ", static_cast<int>(event.kind));
  }
}

std::string what_was_met(const Facts& f, const std::vector<Mapping>& mappings) {
  auto nr = [](uint64_t number) { return model::syscall_name(static_cast<uint32_t>(number)) + "()"; };
  switch (f.what) {
    case abi::Divergence::syscall: return text(nr(f.b), " expected, ", nr(f.a), " met");
    case abi::Divergence::argument: return text("argument ", f.a, ": 0x", std::hex, f.c, " expected, 0x", f.b, " met");
    case abi::Divergence::input:
      return text("argument ", f.a, ": the bytes at 0x", std::hex, f.b, " differ from byte ", std::dec, f.c, " on");
    case abi::Divergence::task: return text("the trace goes on with task ", f.a);
    case abi::Divergence::signal:
      return text(model::signal_name(static_cast<int>(f.a)), " met, for address 0x", std::hex, f.b, " at ",
                  place(mappings, f.c));
    case abi::Divergence::result:
      return text("performing it gave ", static_cast<int64_t>(f.a), ", recorded was ", static_cast<int64_t>(f.b));
    case abi::Divergence::point: return text("interposed call ", f.a, " since its last event met");
    default: return text("an event of another kind met (", f.b, ")");
  }
}

// Return addresses by their looks: words of the stack that point into code.
std::string stack_words(TraceeMemory& memory, const std::vector<Mapping>& mappings, uint64_t rsp) {
  std::array<uint64_t, 256> words{};
  std::string out;
  if (!memory.read(rsp, std::as_writable_bytes(std::span(words)))) return out;
  int shown = 0;
  for (size_t i = 0; i < words.size() && shown < 12; i++)
    for (const Mapping& m : mappings)
      if ((m.prot & 4) && words[i] >= m.start && words[i] < m.end) {
        out += text("    rsp+0x", std::hex, i * 8, ": ", place(mappings, words[i]), "\n");
        shown++;
      }
  return out;
}

}  // namespace

std::string describe_divergence(Channel& channel, TraceeMemory& memory, pid_t pid) {
  const uint64_t* args = channel.control().args;
  Facts f{.what = static_cast<abi::Divergence>(args[0]),
          .task = args[1],
          .a = args[2],
          .b = args[3],
          .c = args[4],
          .has_event = args[5] != 0};
  agent::Frame frame;
  std::memcpy(&frame, channel.exchange(), sizeof frame);
  std::array<std::byte, 4096> event_bytes;
  std::memcpy(event_bytes.data(), channel.exchange() + 4096, event_bytes.size());
  abi::EventHeader event;
  std::memcpy(&event, event_bytes.data(), sizeof event);
  const uint64_t* event_args = reinterpret_cast<const uint64_t*>(event_bytes.data() + sizeof event);
  auto mappings = memory.program_mappings();
  std::vector<Mapping> all = mappings ? *mappings : std::vector<Mapping>{};
  uint64_t number = channel.control().events_written + 1;
  std::string out = text("event ", number, ", task ", f.task, ": ", what_was_met(f, all), "\n");
  if (f.has_event)
    out += text("  the trace holds: task ", event.task, ", ", event_words(event, event_args), ", result ", event.result,
                "\n");
  out += text("  at ", place(all, frame.rip), ", rax 0x", std::hex, frame.rax, " rdi 0x", frame.rdi, " rsi 0x",
              frame.rsi, " rdx 0x", frame.rdx, "\n");
  out += stack_words(memory, all, frame.rsp);
  out += text("  see ckpt-trace dump --events ", number > 5 ? number - 5 : 1, "..", number + 2, "\n");
  (void)pid;
  return out;
}

}  // namespace ckpt
