#include "api/disk_rate.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <vector>

#include "base/open_file.h"
#include "base/page_cache.h"
#include "base/system_error.h"

namespace dear {
namespace {

constexpr int kTriesOfDisk = 2;
constexpr int64_t kMostRead = int64_t{1} << 30;
constexpr size_t kBytesPerRead = size_t{1} << 20;

// Reads [begin, end) of the file in order; returns how many bytes came.
int64_t ReadPart(const std::string& path, int64_t begin, int64_t end) {
  const OpenFile file(path);
  std::vector<char> buffer(kBytesPerRead);
  int64_t at = begin;
  while (at < end) {
    const auto wanted = std::min(buffer.size(), static_cast<size_t>(end - at));
    const ssize_t got = ::pread(file.descriptor(), buffer.data(), wanted, at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) ThrowErrno(path, "cannot read");
    if (got == 0) break;
    at += got;
  }
  return at - begin;
}

}  // namespace

double MeasureDiskRate(const std::filesystem::path& path, ThreadPool& pool) {
  const auto size = static_cast<int64_t>(OpenFile(path.string()).size());
  const int64_t wanted = std::min(size, kMostRead);
  double best = 0;
  for (const int64_t parts : {int64_t{1}, static_cast<int64_t>(pool.num_threads())}) {
    for (int run = 0; run < kTriesOfDisk; ++run) {
      DropCachedPages(path);
      if (wanted == 0 || CachedBytes(path) > 0) return 0;
      std::atomic<int64_t> read = 0;
      const auto begin = std::chrono::steady_clock::now();
      pool.Run(parts, [&](int64_t part, int) {
        read += ReadPart(path.string(), wanted * part / parts, wanted * (part + 1) / parts);
      });
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
      best = std::max(best, static_cast<double>(read.load()) / seconds.count());
    }
  }
  return best;
}

}  // namespace dear
