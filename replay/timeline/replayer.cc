#include "replay/timeline/replayer.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>

#include "record/supervisor/cpu_facts.h"
#include "replay/timeline/host.h"
#include "replay/timeline/report.h"
#include "replay/timeline/verify_memory.h"
#include "trace/store/reader.h"

namespace ckpt {

namespace {

// Where cpuid says which instructions programs may use; bits that are the kernel's are left out.
struct FeatureWord {
  uint32_t leaf;
  uint32_t CpuidRow::*reg;
  uint32_t mask;
  const char* name;
};
constexpr FeatureWord kFeatures[] = {
    {1, &CpuidRow::ecx, 0x72d83203, "ecx"},           // SSE3 to SSE4.2, FMA, MOVBE, POPCNT, AES, AVX, F16C, RDRAND
    {7, &CpuidRow::ebx, 0xffffffff, "ebx"},
    {7, &CpuidRow::ecx, 0x1a405f62, "ecx"},           // AVX-512 from VBMI on, WAITPKG, GFNI, VAES, RDPID, MOVDIRI
    {7, &CpuidRow::edx, 0x03c1411c, "edx"},           // AVX-512 of later kinds, FSRM, SERIALIZE, AMX
    {0x80000001, &CpuidRow::ecx, 0x00210861, "ecx"},  // LAHF, LZCNT, SSE4a, XOP, FMA4, TBM
};

// The CPU must have what the image was made for: the vector state's size and the features.
Result<void> check_cpu(const TraceHeader& recorded) {
  TraceHeader here;
  fill_cpu_facts(&here);
  if ((recorded.xcr0 & here.xcr0) != recorded.xcr0 || recorded.xsave_bytes > here.xsave_bytes)
    return Error{.code = Code::unsupported,
                 .message = text("the trace needs vector state 0x", std::hex, recorded.xcr0, ", this CPU has 0x",
                                 here.xcr0, "; replay it on a machine like the recording one")};
  for (const FeatureWord& word : kFeatures)
    for (const CpuidRow& row : recorded.cpuid)
      for (const CpuidRow& mine : here.cpuid) {
        if (row.leaf != word.leaf || row.subleaf != 0 || mine.leaf != row.leaf || mine.subleaf != 0) continue;
        if (uint32_t missing = row.*word.reg & ~(mine.*word.reg) & word.mask)
          return Error{.code = Code::unsupported,
                       .message = text("the trace was recorded on a CPU with features this one lacks (cpuid leaf 0x",
                                       std::hex, word.leaf, ", ", word.name, " 0x", missing,
                                       "); replay it on a machine like the recording one")};
      }
  return {};
}

class Replay {
 public:
  Replay(const ReplayOptions& options, Reader reader, ImageReader image, Channel channel)
      : options_(options), reader_(std::move(reader)), image_(std::move(image)), channel_(std::move(channel)) {}
  ~Replay() {
    if (pid_ > 0 && !ended_) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  Result<ReplayOutcome> run(const std::string& blob);

 private:
  abi::Control& control() { return channel_.control(); }
  bool alive() {
    if (!ended_ && ::waitpid(pid_, &status_, WNOHANG) == pid_) ended_ = true;
    return !ended_;
  }
  TraceeMemory memory() {
    return TraceeMemory(channel_, pid_, [this] { return alive(); });
  }
  Result<void> serve();
  Result<void> give_first_task();
  Result<void> feed();
  void give_file();
  Result<void> finish();
  void ended_early();

  ReplayOptions options_;
  Reader reader_;
  ImageReader image_;
  Channel channel_;
  SharedFiles shared_;
  pid_t pid_ = -1;
  int status_ = 0;
  bool ended_ = false, done_ = false, fed_all_ = false;
  std::optional<ChunkView> chunk_;
  size_t chunk_at_ = 0;
  std::optional<Error> feed_error_;
  ReplayOutcome outcome_;
};

Result<void> Replay::give_first_task() {
  if (image_.tasks().empty()) return Error{.code = Code::corrupt, .message = "image-0 holds no task"};
  const TaskContext& task = image_.tasks()[0];
  constexpr size_t kVectors = 32768;
  size_t registers = sizeof task.registers;
  if (registers + task.agent_state.size() > kVectors)
    return Error{.code = Code::corrupt, .message = "image-0: the agent's state is too long"};
  std::byte* at = channel_.exchange();
  std::memcpy(at, task.registers.data(), registers);
  std::memcpy(at + registers, task.agent_state.data(), task.agent_state.size());
  std::memcpy(at + kVectors, task.xsave.data(), task.xsave.size());
  channel_.answer(1);
  return {};
}

void Replay::give_file() {
  const uint64_t* args = control().args;
  std::array<char, 33> hash;
  std::snprintf(hash.data(), hash.size(), "%016llx%016llx", static_cast<unsigned long long>(args[0]),
                static_cast<unsigned long long>(args[1]));
  std::string copy = options_.trace_folder + "/files/" + hash.data();
  Result<std::string> path = copy;
  // A private mapping shows writes to a file that is also mapped shared.
  if (args[5] || shared_.has(args[3], args[4])) path = shared_.path(args[3], args[4], copy, args[2]);
  if (path && path->size() < abi::kExchangeBytes) std::memcpy(channel_.exchange(), path->c_str(), path->size() + 1);
  channel_.answer(path.ok());
}

Result<void> Replay::finish() {
  done_ = true;
  outcome_.events = control().events_written;
  CKPT_TRY(std::optional<TraceEnd> end, reader_.end());
  outcome_.inexact = control().args[1] != 0;
  if (outcome_.inexact) {
    outcome_.report +=
        text(options_.trace_folder, ": replayed and agreed up to event ", outcome_.events,
             "; there a task without events was interrupted, and past it this trace is not exactly replayable\n");
    channel_.answer(1);
    return {};
  }
  if (feed_error_) {
    // Agreed as far as it could be read; the hashes are of a later moment.
    outcome_.inexact = true;
    outcome_.report +=
        text("the trace is damaged: ", feed_error_->message, "; replayed up to event ", outcome_.events, "\n");
    channel_.answer(1);
    return {};
  }
  if (options_.verify && end && end->has_final_hash) {
    CKPT_TRY(PageHashes recorded, read_page_hashes(options_.trace_folder, kFinalHashes));
    TraceeMemory tracee = memory();
    CKPT_TRY(MemoryVerdict verdict, verify_memory(tracee, recorded));
    outcome_.verified = true;
    if (verdict.differing_pages) {
      outcome_.diverged = true;
      outcome_.report += text("memory differs in ", verdict.differing_pages, " of ", verdict.compared_pages, " pages\n",
                              verdict.report);
    }
  }
  channel_.answer(1);
  return {};
}

Result<void> Replay::serve() {
  if (!channel_.asked()) return {};
  switch (control().request) {
    case abi::Request::hello: {
      TraceeMemory tracee = memory();
      CKPT_CHECK(build_image(image_, options_.trace_folder, tracee, shared_));
      channel_.answer(1);
      return {};
    }
    case abi::Request::image: return give_first_task();
    case abi::Request::file_wanted: give_file(); return {};
    case abi::Request::file_cut:
      shared_.cut(control().args[0], control().args[1], control().args[2]);
      channel_.answer(1);
      return {};
    case abi::Request::replay_end: return finish();
    case abi::Request::replay_diverged: {
      TraceeMemory tracee = memory();
      outcome_.report = describe_divergence(channel_, tracee, pid_);
      outcome_.diverged = true;
      outcome_.events = control().events_written;
      done_ = true;
      channel_.answer(1);
      return {};
    }
    default: channel_.answer(0); return {};
  }
}

Result<void> Replay::feed() {
  abi::Control& shared = control();
  while (!fed_all_) {
    if (!chunk_) {
      Result<std::optional<ChunkView>> next = reader_.next_chunk();
      if (!next) feed_error_ = next.error();
      if (!next || !*next) {
        fed_all_ = true;
        break;
      }
      chunk_ = **next;
      chunk_at_ = 0;
    }
    std::span<const std::byte> events = chunk_->events().subspan(chunk_at_);
    uint64_t room = abi::kRingBytes - (shared.ring_written - __atomic_load_n(&shared.ring_read, __ATOMIC_ACQUIRE));
    uint64_t taken = 0;
    while (taken < events.size()) {
      uint32_t bytes;
      std::memcpy(&bytes, events.data() + taken, 4);
      if (taken + bytes > room) break;
      taken += bytes;
    }
    if (!taken) return {};
    std::memcpy(channel_.ring() + (shared.ring_written & (abi::kRingBytes - 1)), events.data(), taken);
    __atomic_store_n(&shared.ring_written, shared.ring_written + taken, __ATOMIC_RELEASE);
    chunk_at_ += taken;
    if (chunk_at_ == chunk_->events().size()) {
      chunk_.reset();
      chunk_at_ = 0;
    }
    __atomic_fetch_add(&shared.producer_waits, 1u, __ATOMIC_RELEASE);
    ::syscall(SYS_futex, &shared.producer_waits, 1, 1, nullptr, nullptr, 0);
  }
  if (!shared.discard) {
    __atomic_store_n(&shared.discard, 1u, __ATOMIC_RELEASE);
    __atomic_fetch_add(&shared.producer_waits, 1u, __ATOMIC_RELEASE);
    ::syscall(SYS_futex, &shared.producer_waits, 1, 1, nullptr, nullptr, 0);
  }
  return {};
}

void Replay::ended_early() {
  outcome_.diverged = true;
  outcome_.events = control().events_written;
  outcome_.report = text("the replaying process ended by itself after event ", outcome_.events,
                         WIFSIGNALED(status_) ? " by signal " : " with status ",
                         WIFSIGNALED(status_) ? WTERMSIG(status_) : WEXITSTATUS(status_));
  if (control().failed_line)
    outcome_.report += text(", agent line ", control().failed_line, std::hex, " (0x", control().failed_values[0], " 0x",
                            control().failed_values[1], " 0x", control().failed_values[2], ")");
  outcome_.report += "\n";
}

Result<ReplayOutcome> Replay::run(const std::string& blob) {
  const TraceHeader& header = reader_.header();
  control().zone_base = header.zone_base;
  control().replaying = 1;
  control().quiet = options_.quiet;
  control().use_fsgsbase = has_fsgsbase();
  control().trap_tsc = 1;
  control().trap_mode = !has_user_dispatch();
  CKPT_TRY(pid_, start_host(channel_, blob, header.zone_base));
  while (!done_ && alive()) {
    CKPT_CHECK(serve());
    CKPT_CHECK(feed());
    if (!channel_.asked() && !done_) channel_.wait(5000);
  }
  if (!done_) ended_early();
  CKPT_TRY(std::optional<TraceEnd> end, reader_.end());
  if (outcome_.diverged && end && end->inexact_event && outcome_.events + 1 >= end->inexact_event) {
    // Past an interruption that was found by state alone, disagreement says that it was not enough.
    outcome_.diverged = false;
    outcome_.inexact = true;
    outcome_.report =
        text(options_.trace_folder, ": replayed and agreed up to event ", outcome_.events,
             "; the trace is not exactly replayable past event ", end->inexact_event, "\n", outcome_.report);
  }
  return outcome_;
}

}  // namespace

Result<ReplayOutcome> replay(const ReplayOptions& options, const std::string& blob) {
  CKPT_TRY(Reader reader, Reader::open(options.trace_folder));
  if (reader.header().abi_version != abi::kAbiVersion)
    return Error{.code = Code::unsupported,
                 .message = text(options.trace_folder, ": recorded by an agent of version ",
                                 reader.header().abi_version, ", this is version ", abi::kAbiVersion,
                                 "; use the ckpt that recorded it (", reader.header().ckpt_version, ")")};
  CKPT_CHECK(check_cpu(reader.header()));
  CKPT_TRY(ImageReader image, ImageReader::open(options.trace_folder, 0));
  CKPT_TRY(Channel channel, Channel::create());
  Replay run(options, std::move(reader), std::move(image), std::move(channel));
  return run.run(blob);
}

}  // namespace ckpt
