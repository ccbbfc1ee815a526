#include "base/page_cache.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/ceil_div.h"
#include "base/mapped_file.h"
#include "base/open_file.h"
#include "base/system_error.h"

namespace dear {

uint64_t CachedBytes(const std::filesystem::path& path) {
  const auto file = MappedFile::Open(path);  // mapping alone reads no page
  const auto bytes = file->bytes();
  if (bytes.empty()) return 0;
  const int64_t page = ::sysconf(_SC_PAGESIZE);
  const auto size = static_cast<int64_t>(bytes.size());
  std::vector<unsigned char> held(static_cast<size_t>(CeilDiv(size, page)));
  if (::mincore(const_cast<std::byte*>(bytes.data()), bytes.size(), held.data()) != 0) {
    ThrowErrno(path.string(), "cannot ask which pages are in memory");
  }
  const auto pages =
      std::ranges::count_if(held, [](unsigned char flags) { return (flags & 1) != 0; });
  return static_cast<uint64_t>(std::min(pages * page, size));  // the last page may be a part
}

void DropCachedPages(const std::filesystem::path& path) {
  const OpenFile file(path.string());
  // Pages that are not on the disk yet cannot be dropped; where nothing is ever written this fails.
  ::fdatasync(file.descriptor());
  const int failed = ::posix_fadvise(file.descriptor(), 0, 0, POSIX_FADV_DONTNEED);
  if (failed != 0) {
    errno = failed;
    ThrowErrno(path.string(), "cannot drop its pages");
  }
}

}  // namespace dear
