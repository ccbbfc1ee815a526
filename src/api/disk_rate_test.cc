#include "api/disk_rate.h"

#include <gtest/gtest.h>

#include "api/testing/temporary_files.h"
#include "base/mapped_file.h"
#include "base/page_cache.h"

namespace dear {
namespace {

TEST(DiskRateTest, IsMeasuredWhereTheKernelDropsPages) {
  const TemporaryFiles files;
  const auto path = files.Plain("data.bin", std::string(size_t{3} << 20, 'x'));
  DropCachedPages(path);
  const bool drops = CachedBytes(path) == 0;
  ThreadPool pool(2);
  EXPECT_EQ(MeasureDiskRate(path, pool) > 0, drops);
}

TEST(DiskRateTest, IsUnknownWherePagesStayOrThereAreNone) {
  const TemporaryFiles files;
  ThreadPool pool(2);
  EXPECT_EQ(MeasureDiskRate(files.Plain("empty.bin", ""), pool), 0);
  const auto path = files.Plain("used.bin", std::string(1 << 20, 'x'));
  const auto in_use = MappedFile::Open(path);
  size_t count = 0;
  for (const std::byte b : in_use->bytes()) count += b == std::byte{'x'} ? 1 : 0;
  ASSERT_EQ(count, size_t{1} << 20);
  EXPECT_EQ(MeasureDiskRate(path, pool), 0);
}

}  // namespace
}  // namespace dear
