// Memory calls while recording. They are performed for real in replay too, at the recorded
// address; the bytes of mapped files come from copies taken here, at the moment of mapping.
#include "record/agent/call.h"
#include "record/agent/request.h"
#include "record/agent/sites.h"

namespace ckpt::agent {

using model::Handler;

namespace {

constexpr u64 kExecute = 4;
constexpr u64 kShared = 1, kFixed = 0x10, kAnonymous = 0x20, kFixedNoReplace = 0x100000;
constexpr u64 kEEXIST = 17;

struct SharedMapping {
  u64 start, bytes, device, inode, offset;
};
constexpr u32 kMaxShared = 1024;
SharedMapping shared[kMaxShared];
u32 shared_count;

// Forgets what lay in [start, start + bytes): whole mappings only shrink at their ends.
void drop_shared(u64 start, u64 bytes) {
  u64 end = start + bytes;
  for (u32 i = 0; i < shared_count;) {
    SharedMapping& m = shared[i];
    u64 m_end = m.start + m.bytes;
    if (end <= m.start || start >= m_end) {
      i++;
    } else if (start <= m.start && end >= m_end) {
      copy_bytes(&m, &shared[--shared_count], sizeof m);
    } else if (start <= m.start) {
      m.offset += end - m.start;
      m.bytes = m_end - end;
      m.start = end;
      i++;
    } else {
      m.bytes = start - m.start;
      i++;
    }
  }
  process.shared_mappings = shared_count;
}

void add_shared(u64 start, u64 bytes, u64 device, u64 inode, u64 offset) {
  if (shared_count == kMaxShared) return;
  SharedMapping& m = shared[shared_count++];
  m.start = start;
  m.bytes = bytes;
  m.device = device;
  m.inode = inode;
  m.offset = offset;
  process.shared_mappings = shared_count;
}

bool touches_zone(u64 start, u64 bytes) { return start < zone() + abi::kZoneBytes && start + bytes > zone(); }

// Event arguments of a file mapping beyond mmap's six: copy's hash, file bytes, identity.
struct FileFacts {
  u64 known, hash_low, hash_high, bytes, device, inode;
};

void describe_file(const Call& call, u64 address, FileFacts* facts) {
  zero_bytes(facts, sizeof *facts);
  // Asked of the supervisor: it copies the file now, so that later changes do not matter.
  facts->known =
      ask(abi::Request::file_mapped, address, call.args[1], call.args[5], call.args[3], call.args[2], call.args[4]);
  const u64* r = control().results;
  facts->hash_low = r[1];
  facts->hash_high = r[2];
  facts->bytes = r[3];
  facts->device = r[4];
  facts->inode = r[5];
}

i64 map(Call& call) {
  u64 flags = call.args[3];
  bool fixed = flags & (kFixed | kFixedNoReplace);
  i64 result;
  if (fixed && touches_zone(call.args[0], call.args[1]))
    result = flags & kFixedNoReplace ? -static_cast<i64>(kEEXIST) : -kENOMEM;
  else
    result = perform(call);
  bool file = !failed(result) && !(flags & kAnonymous);
  FileFacts facts;
  if (file) describe_file(call, static_cast<u64>(result), &facts);
  if (!failed(result)) {
    u64 start = static_cast<u64>(result), bytes = round_up(call.args[1], 4096);
    if (fixed) {
      drop_shared(start, bytes);
      forget_windows(start, bytes);
    }
    if (flags & kShared) add_shared(start, bytes, file ? facts.device : 0, file ? facts.inode : 0, call.args[5]);
  }
  EventBuilder event(abi::EventKind::syscall, static_cast<u16>(call.number), call.task->number);
  for (int i = 0; i < 6; i++) event.arg(call.args[i]);
  if (file) {
    event.arg(facts.known);
    event.arg(facts.hash_low);
    event.arg(facts.hash_high);
    event.arg(facts.bytes);
    event.arg(facts.device);
    event.arg(facts.inode);
  }
  event.commit(result);
  if (!failed(result) && (call.args[2] & kExecute)) prepare_code(call.task, static_cast<u64>(result), call.args[1]);
  return result;
}

i64 advise(Call& call) {
  constexpr u64 kFree = 8, kDontNeed = 4;
  // MADV_FREE drops pages when the kernel pleases; dropping them now is allowed and repeatable.
  Call exact = call;
  if (call.args[2] == kFree) exact.args[2] = kDontNeed;
  i64 result = touches_zone(call.args[0], call.args[1]) ? -kEINVAL : perform(exact);
  log_call(call, result);
  return result;
}

i64 change(Call& call) {
  i64 result = touches_zone(call.args[0], call.args[1]) ? -kEINVAL : perform(call);
  if (!failed(result) && call.row->handler != Handler::protect) {
    if (call.row->handler == Handler::remap && static_cast<u64>(result) != call.args[0])
      for (u32 i = 0; i < shared_count; i++)
        if (shared[i].start == call.args[0]) {
          add_shared(static_cast<u64>(result), call.args[2], shared[i].device, shared[i].inode, shared[i].offset);
          break;
        }
    bool gone = call.row->handler == Handler::unmap || static_cast<u64>(result) != call.args[0];
    if (gone) {
      drop_shared(call.args[0], round_up(call.args[1], 4096));
      forget_windows(call.args[0], round_up(call.args[1], 4096));
    }
  }
  log_call(call, result);
  // Once time stamps trap there is nothing left to find in what a just-in-time compiler makes.
  bool code = call.row->handler == Handler::protect && (call.args[2] & kExecute) && !control().trap_tsc;
  if (code && !failed(result)) prepare_code(call.task, call.args[0], call.args[1]);
  return result;
}

// process_vm_writev: into itself it is a copy; into another process it is that one's event.
i64 write_process(Call& call) {
  i64 result = perform(call);
  if (result > 0 && call.args[0] == process.pid) {
    u64 left = static_cast<u64>(result);
    struct {
      u64 base, bytes;
    } v;
    for (u64 i = 0; left && i < call.args[4] && read_program(call.args[3] + i * 16, &v); i++) {
      u64 bytes = v.bytes < left ? v.bytes : left;
      log_data(call.task->number, 3, v.base, bytes);
      left -= bytes;
    }
  }
  log_call(call, result);
  return result;
}

}  // namespace

bool in_shared_mapping(u64 address) {
  for (u32 i = 0; i < shared_count; i++)
    if (address - shared[i].start < shared[i].bytes) return true;
  return false;
}

void note_initial_sharing(u64 start, u64 bytes, u64 device, u64 inode, u64 offset) {
  add_shared(start, bytes, device, inode, offset);
}

// A write to a file that is also mapped shows in the mapping: log what changed there.
void log_write_to_mapped(Call& call, u64 device, u64 inode, u64 offset, u64 bytes) {
  for (u32 i = 0; i < shared_count; i++) {
    const SharedMapping& m = shared[i];
    if (m.device != device || m.inode != inode) continue;
    u64 from = offset > m.offset ? offset : m.offset;
    u64 to = offset + bytes < m.offset + m.bytes ? offset + bytes : m.offset + m.bytes;
    if (from < to) log_data(call.task->number, 1, m.start + (from - m.offset), to - from);
  }
}

i64 record_memory(Call& call) {
  switch (call.row->handler) {
    case Handler::map: return map(call);
    case Handler::advise: return advise(call);
    case Handler::unmap: case Handler::remap: case Handler::protect: return change(call);
    case Handler::program_break: {
      i64 result = perform(call);
      log_call(call, result);
      return result;
    }
    case Handler::write_process:
      return write_process(call);
    default:  // System V shared memory: its other side is not recorded
      report_refused(call.number, 0);
      log_call(call, -kENOSYS);
      return -kENOSYS;
  }
}

}  // namespace ckpt::agent
