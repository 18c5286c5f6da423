#include "record/sites/unwind.h"

#include "record/sites/elf.h"

namespace ckpt::sites {

// Pointer encodings of the Linux Standard Base, "DWARF Extensions".
static constexpr uint8_t kAbsolute = 0x00, kUdata4 = 0x03, kUdata8 = 0x04, kSdata4 = 0x0b, kSdata8 = 0x0c;
static constexpr uint8_t kFormatMask = 0x0f, kBaseMask = 0xf0, kPcRelative = 0x10, kUnknown = 0xff;

static constexpr size_t kMaxFunctions = 1 << 20;

// Reads forward over bytes and remembers whether it ever ran out of them.
class Cursor final {
 public:
  Cursor(Bytes bytes, uint64_t vaddr) : bytes_(bytes), vaddr_(vaddr) {}

  template <class T>
  T take() {
    auto value = load<T>(bytes_, at_);
    failed_ |= !value;
    at_ += value ? sizeof(T) : 0;
    return value.value_or(T{});
  }
  uint64_t uleb() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      uint8_t byte = take<uint8_t>();
      value |= uint64_t{byte & 0x7fu} << shift;
      if (!(byte & 0x80)) return value;
    }
    failed_ = true;
    return 0;
  }
  // `base`: how the value counts, as in the encoding byte; 0 leaves it alone.
  uint64_t pointer(uint8_t format, uint8_t base) {
    uint64_t here = vaddr_ + at_;
    uint64_t value = 0;
    switch (format) {
      case kAbsolute:
      case kUdata8:
      case kSdata8:
        value = take<uint64_t>();
        break;
      case kUdata4:
        value = take<uint32_t>();
        break;
      case kSdata4:
        value = static_cast<uint64_t>(int64_t{take<int32_t>()});
        break;
      default:
        failed_ = true;
    }
    if (base == kPcRelative)
      value += here;
    else if (base != 0)
      failed_ = true;
    return value;
  }
  void skip(uint64_t count) {
    failed_ |= count > bytes_.size() - at_;
    at_ += failed_ ? 0 : count;
  }
  bool failed() const { return failed_; }

 private:
  Bytes bytes_;
  uint64_t vaddr_;
  uint64_t at_ = 0;
  bool failed_ = false;
};

std::optional<uint64_t> eh_frame_of_header(Bytes header, uint64_t header_vaddr) {
  Cursor cursor(header, header_vaddr);
  uint8_t version = cursor.take<uint8_t>();
  uint8_t encoding = cursor.take<uint8_t>();
  cursor.skip(2);  // how the count and the search table are encoded: we walk .eh_frame itself
  uint64_t frame = cursor.pointer(encoding & kFormatMask, encoding & kBaseMask);
  if (version != 1 || cursor.failed()) return std::nullopt;
  return frame;
}

struct Cie {
  uint8_t encoding = kUnknown;  // of addresses in its FDEs
  bool signal_frame = false;
};

// `body` is what follows the CIE's id. The encoding stays kUnknown if anything is odd.
static Cie read_cie(Bytes body) {
  Cursor cursor(body, 0);
  uint8_t version = cursor.take<uint8_t>();
  char augmentation[8] = {};
  size_t letters = 0;
  while (char letter = cursor.take<char>()) {
    if (letters == sizeof augmentation) return {};
    augmentation[letters++] = letter;
  }
  if (version == 4) cursor.skip(2);  // address and segment selector bytes
  cursor.uleb();                     // code alignment
  cursor.uleb();                     // data alignment; its sign does not change its length
  if (version == 1)
    cursor.skip(1);  // return address register
  else
    cursor.uleb();
  Cie cie{.encoding = kAbsolute};
  if (letters != 0 && augmentation[0] != 'z') return {};
  if (letters != 0) cursor.uleb();
  for (size_t i = 1; i < letters; i++) {
    switch (augmentation[i]) {
      case 'R':
        cie.encoding = cursor.take<uint8_t>();
        break;
      case 'L':
        cursor.skip(1);
        break;
      case 'P':
        cursor.pointer(cursor.take<uint8_t>() & kFormatMask, 0);
        break;
      case 'S':
        cie.signal_frame = true;
        break;
      case 'B':
        break;
      default:
        return {};
    }
  }
  return cursor.failed() ? Cie{} : cie;
}

// The CIE at `at` of `frame`.
static Cie cie_at(Bytes frame, uint64_t at) {
  uint32_t length = load<uint32_t>(frame, at).value_or(0);
  bool fits = length >= 4 && length <= frame.size() - at - 4;
  if (!fits || load<uint32_t>(frame, at + 4) != 0u) return {};
  return read_cie(frame.subspan(at + 8, length - 4));
}

std::vector<UnwindEntry> entries_of_eh_frame(Bytes frame, uint64_t frame_vaddr) {
  std::vector<UnwindEntry> found;
  uint64_t known_at = UINT64_MAX;  // FDEs of one CIE mostly follow each other
  Cie cie;
  for (uint64_t at = 0; found.size() < kMaxFunctions;) {
    auto length = load<uint32_t>(frame, at);
    uint64_t id_at = at + 4;
    // 0 ends the section; 0xffffffff announces a 64-bit length, which nobody writes.
    if (!length || *length < 4 || *length == UINT32_MAX || *length > frame.size() - id_at) break;
    Bytes entry = frame.subspan(id_at, *length);
    at = id_at + *length;
    uint32_t id = load<uint32_t>(entry, 0).value();
    if (id == 0 || id > id_at) continue;
    if (id_at - id != known_at) cie = cie_at(frame, known_at = id_at - id);
    if (cie.encoding == kUnknown) continue;
    Cursor cursor(entry.subspan(4), frame_vaddr + id_at + 4);
    uint64_t start = cursor.pointer(cie.encoding & kFormatMask, cie.encoding & kBaseMask);
    uint64_t bytes = cursor.pointer(cie.encoding & kFormatMask, 0);
    if (!cursor.failed() && start + bytes > start) found.push_back({{start, start + bytes}, cie.signal_frame});
  }
  return found;
}

}  // namespace ckpt::sites
