#include "trace/store/trace_info.h"

#include <algorithm>

#include "schemas/trace.capnp.h"
#include "trace/store/format.h"
#include "trace/store/message_file.h"

namespace ckpt {
namespace {

capnp::Data::Reader as_data(const std::string& value) {
  return {reinterpret_cast<const kj::byte*>(value.data()), value.size()};
}
std::string as_string(capnp::Data::Reader data) {
  return {reinterpret_cast<const char*>(data.begin()), data.size()};
}
std::string as_string(capnp::Text::Reader value) {
  return {value.cStr(), value.size()};
}

void put_list(capnp::List<capnp::Data>::Builder list, const std::vector<std::string>& values) {
  for (unsigned i = 0; i < list.size(); i++) list.set(i, as_data(values[i]));
}
std::vector<std::string> get_list(capnp::List<capnp::Data>::Reader list) {
  std::vector<std::string> values;
  for (auto value : list) values.push_back(as_string(value));
  return values;
}

void put_header(const TraceHeader& from, schema::Header::Builder to) {
  to.setFormatVersion(format::kVersion);
  to.setNeedsReaderVersion(std::max(from.needs_reader_version, format::kNeedsReaderVersion));
  to.setAbiVersion(from.abi_version);
  to.setMode(from.mode);
  put_list(to.initArgv(static_cast<unsigned>(from.argv.size())), from.argv);
  put_list(to.initEnvironment(static_cast<unsigned>(from.environment.size())), from.environment);
  to.setWorkingDirectory(as_data(from.working_directory));
  to.setProgram(as_data(from.program));
  to.setCkptVersion(from.ckpt_version);
  to.setKernel(from.kernel);
  to.setZoneBase(from.zone_base);
  to.setStartedNs(from.started_ns);
  to.setTscHz(from.tsc_hz);
  to.setXcr0(from.xcr0);
  to.setXsaveBytes(from.xsave_bytes);
  to.setPid(from.pid);
  auto rows = to.initCpuid(static_cast<unsigned>(from.cpuid.size()));
  for (unsigned i = 0; i < rows.size(); i++) {
    const CpuidRow& row = from.cpuid[i];
    rows[i].setLeaf(row.leaf);
    rows[i].setSubleaf(row.subleaf);
    rows[i].setEax(row.eax);
    rows[i].setEbx(row.ebx);
    rows[i].setEcx(row.ecx);
    rows[i].setEdx(row.edx);
  }
}

Result<TraceHeader> get_header(schema::Header::Reader from) {
  TraceHeader to;
  to.format_version = from.getFormatVersion();
  to.needs_reader_version = from.getNeedsReaderVersion();
  if (to.needs_reader_version > format::kVersion)
    return Error{.code = Code::unsupported,
                 .message = text("trace of format ", to.format_version, " needs a reader of format ",
                                 to.needs_reader_version, "; this ckpt reads up to format ", format::kVersion)};
  to.abi_version = from.getAbiVersion();
  to.mode = as_string(from.getMode());
  to.argv = get_list(from.getArgv());
  to.environment = get_list(from.getEnvironment());
  to.working_directory = as_string(from.getWorkingDirectory());
  to.program = as_string(from.getProgram());
  to.ckpt_version = as_string(from.getCkptVersion());
  to.kernel = as_string(from.getKernel());
  to.zone_base = from.getZoneBase();
  to.started_ns = from.getStartedNs();
  to.tsc_hz = from.getTscHz();
  to.xcr0 = from.getXcr0();
  to.xsave_bytes = from.getXsaveBytes();
  to.pid = from.getPid();
  for (auto row : from.getCpuid())
    to.cpuid.push_back({row.getLeaf(), row.getSubleaf(), row.getEax(), row.getEbx(), row.getEcx(), row.getEdx()});
  return to;
}

void put_end(const TraceEnd& from, schema::End::Builder to) {
  to.setHow(static_cast<uint16_t>(from.how));
  to.setStatus(from.status);
  to.setEvents(from.events);
  to.setEndedNs(from.ended_ns);
  to.setChildren(from.children);
  to.setSlowEntries(from.slow_entries);
  to.setInexactEvent(from.inexact_event);
  to.setDiscarded(from.discarded);
  to.setNote(from.note);
  to.setHasFinalHash(from.has_final_hash);
  auto refused = to.initRefused(static_cast<unsigned>(from.refused.size()));
  for (unsigned i = 0; i < refused.size(); i++) refused.set(i, from.refused[i]);
}

Result<TraceEnd> get_end(schema::End::Reader from) {
  TraceEnd to;
  to.how = static_cast<abi::EndHow>(from.getHow());
  to.status = from.getStatus();
  to.events = from.getEvents();
  to.ended_ns = from.getEndedNs();
  to.children = from.getChildren();
  to.slow_entries = from.getSlowEntries();
  to.inexact_event = from.getInexactEvent();
  to.discarded = from.getDiscarded();
  to.note = as_string(from.getNote());
  to.has_final_hash = from.getHasFinalHash();
  for (auto line : from.getRefused()) to.refused.push_back(as_string(line));
  return to;
}

// Builds a message with `put` and writes it to `path`.
template <class Schema, class Value, class Put>
Result<void> write_as(const std::string& path, format::MessageKind kind, const Value& value, Put&& put) {
  return catching(path, [&]() -> Result<void> {
    capnp::MallocMessageBuilder message;
    put(value, message.initRoot<Schema>());
    return write_message_file(path, message, kind);
  });
}

}  // namespace

Result<void> write_header(const std::string& folder, const TraceHeader& header) {
  return write_as<schema::Header>(folder + "/header", format::MessageKind::header, header, put_header);
}

Result<TraceHeader> read_header(const std::string& folder) {
  const std::string path = folder + "/header";
  CKPT_TRY(const MessageBytes message, read_message_file(path, format::MessageKind::header));
  return message.read<schema::Header>(path, get_header);
}

Result<void> write_end(const std::string& folder, const TraceEnd& end) {
  return write_as<schema::End>(folder + "/end", format::MessageKind::end, end, put_end);
}

Result<TraceEnd> read_end(const std::string& folder) {
  const std::string path = folder + "/end";
  CKPT_TRY(const MessageBytes message, read_message_file(path, format::MessageKind::end));
  return message.read<schema::End>(path, get_end);
}

}  // namespace ckpt
