#ifndef DEAR_API_DISK_RATE_H_
#define DEAR_API_DISK_RATE_H_

#include <filesystem>

#include "base/thread_pool.h"

namespace dear {

// Bytes a second at which the file is read in order from where it lies, its pages dropped from the
// cache before: the best of several tries, by one thread and by all of the pool. At most 1 GiB of
// it is read. 0: not measured, since the kernel kept pages or the file is empty. Throws Error
// (kNotFound, kIo).
double MeasureDiskRate(const std::filesystem::path& path, ThreadPool& pool);

}  // namespace dear

#endif  // DEAR_API_DISK_RATE_H_
