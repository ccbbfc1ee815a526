#ifndef DEAR_BASE_PAGE_CACHE_H_
#define DEAR_BASE_PAGE_CACHE_H_

#include <cstdint>
#include <filesystem>

namespace dear {

// What the system holds in memory of the files that were read, for measurements that begin without
// it. Throw Error (kNotFound, kIo).

// Bytes of the file in the page cache. To a user who may not write the file the kernel shows every
// page as held.
uint64_t CachedBytes(const std::filesystem::path& path);

// Asks the kernel to drop the file's pages. Those that a process has mapped and touched stay, and a
// kernel may keep others: CachedBytes tells.
void DropCachedPages(const std::filesystem::path& path);

}  // namespace dear

#endif  // DEAR_BASE_PAGE_CACHE_H_
