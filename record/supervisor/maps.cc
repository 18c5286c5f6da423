#include "record/supervisor/maps.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fstream>

namespace ckpt {

Result<std::vector<Mapping>> read_mappings(pid_t pid) {
  std::string path = text("/proc/", pid, "/maps");
  std::ifstream file(path);
  if (!file) return io_error(text("open ", path));
  std::vector<Mapping> mappings;
  for (std::string line; std::getline(file, line);) {
    Mapping m;
    char bits[5] = {};
    unsigned major = 0, minor = 0;
    int name_at = 0;
    if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 "%n", &m.start, &m.end, bits,
                    &m.offset, &major, &minor, &m.inode, &name_at) < 7)
      return Error{.code = Code::corrupt, .message = text(path, ": cannot read line: ", line)};
    m.prot = (bits[0] == 'r' ? PROT_READ : 0) | (bits[1] == 'w' ? PROT_WRITE : 0) | (bits[2] == 'x' ? PROT_EXEC : 0);
    m.shared = bits[3] == 's';
    m.device = makedev(major, minor);
    size_t from = line.find_first_not_of(' ', static_cast<size_t>(name_at));
    if (from != std::string::npos) m.name = line.substr(from);
    mappings.push_back(std::move(m));
  }
  return mappings;
}

std::vector<PageRange> find_pages(pid_t pid, uint64_t start, uint64_t end, Pages wanted) {
  // Documentation/admin-guide/mm/pagemap.rst: bit 63 present, 62 swapped, 61 file or shared.
  constexpr uint64_t kPresent = 1ull << 63, kSwapped = 1ull << 62, kFile = 1ull << 61, kPage = 4096;
  std::vector<PageRange> found;
  int fd = ::open(text("/proc/", pid, "/pagemap").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {PageRange{start, (end - start) / kPage}};
  std::array<uint64_t, 8192> entries;
  for (uint64_t at = start; at < end;) {
    size_t count = std::min<uint64_t>(entries.size(), (end - at) / kPage);
    ssize_t got = ::pread(fd, entries.data(), count * 8, static_cast<off_t>(at / kPage * 8));
    if (got <= 0) {
      found.push_back({at, (end - at) / kPage});
      break;
    }
    count = static_cast<size_t>(got) / 8;
    for (size_t i = 0; i < count; i++, at += kPage) {
      uint64_t entry = entries[i];
      bool here = entry & (kPresent | kSwapped);
      if (!here || (wanted == Pages::own && (entry & kPresent) && (entry & kFile))) continue;
      if (!found.empty() && found.back().address + found.back().pages * kPage == at)
        found.back().pages++;
      else
        found.push_back({at, 1});
    }
  }
  ::close(fd);
  return found;
}

}  // namespace ckpt
