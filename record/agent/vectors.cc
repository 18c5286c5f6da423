// The vector state of a task, and why no program may save it by itself.
//
// XSAVE and its kin leave out, or mark as unused, what the CPU takes to be in its initial
// state. That is no function of the registers: a context switch or a return from a signal
// changes it. ld.so saves so in every lazy binding, and its header stays on the stack. So
// what is written here, to signal frames and for the program's own XSAVE, depends on
// the values alone (Intel SDM volume 1, chapter 13).
#include "record/agent/vectors.h"

namespace ckpt::agent {

u64 xcr0;
u32 xsave_size;

namespace {

constexpr u32 kLegacyBytes = 512, kHeaderBytes = 64, kComponents = 32;
constexpr u32 kFirstExtended = 2;

struct Component {
  u32 offset, bytes;  // in the standard format
  u32 aligned;        // in the compacted one, to 64 bytes
};
Component components[kComponents];

void cpuid(u32 leaf, u32 subleaf, u32 out[4]) {
  asm volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(subleaf));
}

bool all_zero(const u8* bytes, u64 count) {
  const u64* words = reinterpret_cast<const u64*>(bytes);
  for (u64 i = 0; i < count / 8; i++)
    if (words[i]) return false;
  return true;
}

u64& used_components(u8* area) { return *reinterpret_cast<u64*>(area + kLegacyBytes); }

bool write(u64 to, const u8* from, u64 bytes) {
  return ckpt_agent_copy(reinterpret_cast<void*>(to), from, bytes) == bytes;
}

// x87, MXCSR and XMM, as far as `wanted` has them. Bytes 464 on belong to the program.
bool write_legacy(u64 to, const u8* area, u64 wanted) {
  constexpr u32 kControl = 24, kMxcsr = 8, kX87End = 160, kXmmEnd = 416;
  bool done = true;
  if (wanted & 1) done &= write(to, area, kControl) && write(to + kControl + kMxcsr, area + 32, kX87End - 32);
  if (wanted & 6) done &= write(to + kControl, area + kControl, kMxcsr);
  if (wanted & 2) done &= write(to + kX87End, area + kX87End, kXmmEnd - kX87End);
  return done;
}

bool write_extended(u64 to, u8* area, u64 wanted, bool compact) {
  u32 at = kLegacyBytes + kHeaderBytes;
  bool done = true;
  for (u32 i = kFirstExtended; i < kComponents; i++) {
    if (!(wanted >> i & 1)) continue;
    const Component& c = components[i];
    if (c.aligned) at = static_cast<u32>(round_up(at, 64));
    u32 offset = compact ? at : c.offset;
    at += c.bytes;
    done &= write(to + offset, area + c.offset, c.bytes);
  }
  return done;
}

}  // namespace

void find_xsave() {
  u32 low, high, leaf[4];
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  xcr0 = static_cast<u64>(high) << 32 | low;
  cpuid(13, 0, leaf);
  xsave_size = leaf[1];
  AGENT_ASSERT(xsave_size <= kXsaveRoom && (xcr0 >> kComponents) == 0, xsave_size, xcr0);
  for (u32 i = kFirstExtended; i < kComponents; i++) {
    if (!(xcr0 >> i & 1)) continue;
    cpuid(13, i, leaf);
    components[i].offset = leaf[1];
    components[i].bytes = leaf[0];
    components[i].aligned = leaf[2] & 2;
  }
}

void save_vectors(u8* area) {
  zero_bytes(area, xsave_size);
  xsave(area);
  u64 used = 3;
  for (u32 i = kFirstExtended; i < kComponents; i++)
    if ((xcr0 >> i & 1) && !all_zero(area + components[i].offset, components[i].bytes)) used |= 1ull << i;
  used_components(area) = used;
}

bool emulate_xsave(Task* task, u32 operand) {
  Frame* f = task->frame;
  auto form = static_cast<sites::XsaveForm>(operand >> 8 & 0xff);
  u64 to = *frame_register(f, operand & 0xff) + static_cast<u64>(static_cast<i64>(static_cast<int16_t>(operand >> 16)));
  u64 wanted = (f->rdx << 32 | (f->rax & 0xffffffff)) & xcr0;
  u8* area = xsave_room(task);
  save_vectors(area);
  bool compact = form == sites::XsaveForm::xsavec;
  u64 header[2] = {used_components(area) & wanted, 1ull << 63 | wanted};
  if (!compact) {
    u64 before = 0;
    read_program(to + kLegacyBytes, &before);
    header[0] |= before & ~wanted;
  }
  return write_legacy(to, area, wanted) && write_extended(to, area, wanted, compact) &&
         write(to + kLegacyBytes, reinterpret_cast<const u8*>(header), compact ? 16 : 8);
}

}  // namespace ckpt::agent
