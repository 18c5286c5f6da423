#include "ckpt/manifest.h"

#include <algorithm>

#include "trace/store/file_hash.h"
#include "trace/store/format.h"

namespace ckpt {
namespace {

void put_region(schema::Region::Builder to, const Region& from) {
  to.setStart(from.start);
  to.setEnd(from.end);
  to.setProt(from.prot);
  to.setFlags(from.flags);
  to.setKind(static_cast<uint8_t>(from.kind));
  to.setName({reinterpret_cast<const kj::byte*>(from.name.data()), from.name.size()});
  to.setFileHash(from.file.hash);
  to.setFileBytes(from.file.bytes);
  to.setFileOffset(from.file_offset);
  to.setDevice(from.device);
  to.setInode(from.inode);
}

Region get_region(schema::Region::Reader from) {
  Region to;
  to.start = from.getStart();
  to.end = from.getEnd();
  to.prot = from.getProt();
  to.flags = from.getFlags();
  to.kind = static_cast<RegionKind>(from.getKind());
  const capnp::Data::Reader name = from.getName();
  to.name.assign(reinterpret_cast<const char*>(name.begin()), name.size());
  to.file.hash.assign(from.getFileHash().cStr(), from.getFileHash().size());
  to.file.bytes = from.getFileBytes();
  to.file_offset = from.getFileOffset();
  to.device = from.getDevice();
  to.inode = from.getInode();
  return to;
}

}  // namespace

bool Region::operator==(const Region& other) const {
  return start == other.start && end == other.end && prot == other.prot && flags == other.flags && kind == other.kind &&
         name == other.name && file.hash == other.file.hash && file.bytes == other.file.bytes &&
         file_offset == other.file_offset && device == other.device && inode == other.inode;
}

void put_regions(capnp::List<schema::Region>::Builder to, const std::vector<Region>& from) {
  for (unsigned i = 0; i < to.size(); i++) put_region(to[i], from[i]);
}

Result<std::vector<Region>> get_regions(capnp::List<schema::Region>::Reader from, const std::string& path) {
  if (from.size() > format::kMaxRegions)
    return Error{.code = Code::corrupt, .message = text(path, ": ", from.size(), " regions")};
  std::vector<Region> to;
  for (auto row : from) {
    Region region = get_region(row);
    const Result<void> fits = check_region(to, region);
    if (!fits) return Error{.code = Code::corrupt, .message = text(path, ": ", fits.error().message)};
    if (region.kind > RegionKind::shared_memory || (region.has_copy() && !is_hash_name(region.file.hash)) ||
        region.file_offset > INT64_MAX)
      return Error{.code = Code::corrupt, .message = text(path, ": bad region at ", std::hex, region.start)};
    to.push_back(std::move(region));
  }
  return to;
}

Result<void> check_region(const std::vector<Region>& before, const Region& next) {
  const bool whole = next.start % kPageBytes == 0 && next.end % kPageBytes == 0 && next.start < next.end;
  if (whole && (before.empty() || before.back().end <= next.start)) return {};
  return Error{.code = Code::usage,
               .message = text("region ", std::hex, next.start, "-", next.end, " is out of order or no whole pages")};
}

const Region* find_region(const std::vector<Region>& regions, uint64_t address) {
  const auto after = std::upper_bound(regions.begin(), regions.end(), address,
                                      [](uint64_t value, const Region& region) { return value < region.start; });
  if (after == regions.begin() || std::prev(after)->end <= address) return nullptr;
  return &*std::prev(after);
}

Result<void> check_pages(uint64_t address, uint64_t bytes, uint64_t least) {
  if (address % kPageBytes == 0 && bytes % kPageBytes == 0 && address >= least && bytes <= UINT64_MAX - address)
    return {};
  return Error{.code = Code::usage,
               .message = text("pages ", std::hex, address, "+", bytes, " are out of order or not whole"),
               .where = address};
}

}  // namespace ckpt
