#include "record/sites/trampoline.h"

#include <cstring>
#include <initializer_list>
#include <optional>
#include <span>

#include "trace/base/assert.h"

namespace ckpt::sites {

static constexpr uint8_t kInt3 = 0xcc;

// Bytes that know the address they will run at. Remembers the first rel32 out of reach.
class Emitter final {
 public:
  explicit Emitter(uint64_t base) : base_(base) {}

  uint64_t here() const { return base_ + bytes_.size(); }
  void put(std::initializer_list<uint8_t> bytes) { bytes_.insert(bytes_.end(), bytes); }
  void put(std::span<const uint8_t> bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  void put32(uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) bytes_.push_back(static_cast<uint8_t>(value >> shift));
  }
  void rel32(uint64_t target) {
    put32(0);
    set_rel32(bytes_.size() - 4, here(), target);
  }
  // Makes the four bytes at `offset` lead from `from`, where they count from, to `target`.
  void set_rel32(size_t offset, uint64_t from, uint64_t target) {
    auto distance = static_cast<int64_t>(target - from);
    if (distance != static_cast<int32_t>(distance) && !unreachable_) unreachable_ = target;
    auto field = static_cast<int32_t>(distance);
    std::memcpy(bytes_.data() + offset, &field, sizeof field);
  }
  void fill(size_t count) { bytes_.insert(bytes_.end(), count, kInt3); }
  size_t size() const { return bytes_.size(); }
  std::optional<uint64_t> unreachable() const { return unreachable_; }
  std::vector<uint8_t> take() { return std::move(bytes_); }

 private:
  uint64_t base_;
  std::vector<uint8_t> bytes_;
  std::optional<uint64_t> unreachable_;
};

// `bias`: from the module's addresses to the tracee's.
static void emit_moved(Emitter& out, const Window& window, const MovedInstruction& moved, uint64_t bias) {
  std::span<const uint8_t> original(window.original.data() + moved.offset, moved.length);
  switch (moved.relocation) {
    case Relocation::copy:
      out.put(original);
      break;
    case Relocation::jump:
      out.put({0xe9});
      out.rel32(moved.target + bias);
      break;
    case Relocation::branch:
      out.put({0x0f, static_cast<uint8_t>(0x80 | moved.field)});
      out.rel32(moved.target + bias);
      break;
    case Relocation::rip_relative: {
      size_t start = out.size();
      out.put(original);
      out.set_rel32(start + moved.field, out.here(), moved.target + bias);
      break;
    }
  }
}

static void emit_desc(Emitter& out, const Window& window, uint64_t start, uint64_t tail) {
  uint64_t site = start + (window.site - window.start);
  TrampolineDesc desc{.tail = tail,
                      .site = site,
                      .after_site = site + window.site_bytes,
                      .kind = static_cast<uint32_t>(window.kind),
                      .operand = window.operand,
                      .window_start = start,
                      .window_bytes = window.bytes,
                      .patched_original_len = window.bytes,
                      .original = {}};
  std::memcpy(desc.original, window.original.data(), window.bytes);
  uint8_t bytes[sizeof desc];
  std::memcpy(bytes, &desc, sizeof desc);
  out.put(std::span<const uint8_t>(bytes));
}

Result<Trampoline> build_trampoline(const Window& window, uint64_t site_runtime_addr, uint64_t trampoline_runtime_addr,
                                    uint64_t entry_slot_addr) {
  CKPT_ASSERT(window.bytes >= 5 && window.bytes <= kMaxWindowBytes, int{window.bytes});
  uint64_t bias = site_runtime_addr - window.start;
  Trampoline result{};
  Emitter out(trampoline_runtime_addr);
  auto redirect = [&](uint64_t offset) {
    if (offset != 0) result.redirects.push_back({site_runtime_addr + offset, out.here()});
  };
  for (const MovedInstruction& moved : window.before) {
    redirect(moved.offset);
    emit_moved(out, window, moved, bias);
  }
  redirect(window.site - window.start);
  out.put({0x65, 0x48, 0x89, 0x0c, 0x25});  // mov %rcx, %gs:…
  out.put32(kScratchRcxOffset);
  out.put({0x48, 0x8d, 0x0d});  // lea desc(%rip), %rcx
  size_t desc_field = out.size();
  out.put32(0);
  uint64_t behind_lea = out.here();
  out.put({0xff, 0x25});  // jmp *entry_slot(%rip)
  out.rel32(entry_slot_addr);

  result.tail_offset = static_cast<uint32_t>(out.size());
  uint64_t tail = out.here();
  for (const MovedInstruction& moved : window.after) {
    redirect(moved.offset);
    emit_moved(out, window, moved, bias);
  }
  if (window.after.empty() || window.after.back().falls_through) {
    out.put({0xe9});
    out.rel32(site_runtime_addr + window.bytes);
  }
  out.fill(-out.here() & 7);
  result.desc_offset = static_cast<uint32_t>(out.size());
  out.set_rel32(desc_field, behind_lea, out.here());
  emit_desc(out, window, site_runtime_addr, tail);
  CKPT_ASSERT(out.size() <= kMaxTrampolineBytes, out.size());

  // The way there is as long as the way back, give or take the trampoline: check both.
  Emitter patch(site_runtime_addr);
  patch.put({0xe9});
  patch.rel32(trampoline_runtime_addr);
  patch.fill(window.bytes - patch.size());
  for (const Emitter* emitted : {&out, &patch})
    if (auto target = emitted->unreachable())
      return Error{.code = Code::limit,
                   .message = text("trampoline at ", std::hex, trampoline_runtime_addr, " for the site at ",
                                   site_runtime_addr, ": ", *target, " is out of reach"),
                   .where = *target};
  result.patch = patch.take();
  result.code = out.take();
  return result;
}

}  // namespace ckpt::sites
