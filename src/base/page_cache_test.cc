#include "base/page_cache.h"

#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include <fstream>
#include <string>

#include "base/error.h"
#include "base/mapped_file.h"

namespace dear {
namespace {

constexpr size_t kSize = (size_t{4} << 20) + 5;

std::filesystem::path FileInCache(const std::string& name) {
  auto path = std::filesystem::path(::testing::TempDir()) / name;
  std::ofstream(path, std::ios::binary) << std::string(kSize, 'x');
  return path;
}

TEST(PageCacheTest, AFileJustWrittenIsHeldWhole) {
  EXPECT_EQ(CachedBytes(FileInCache("page_cache_held.bin")), kSize);
}

TEST(PageCacheTest, DroppedPagesAreReadAgain) {
  const auto path = FileInCache("page_cache_dropped.bin");
  struct statfs system {};
  ASSERT_EQ(::statfs(path.c_str(), &system), 0);
  DropCachedPages(path);
  if (system.f_type == TMPFS_MAGIC) {
    EXPECT_EQ(CachedBytes(path), kSize);  // memory is all that it has
  } else {
    EXPECT_EQ(CachedBytes(path), 0U);
  }
  EXPECT_EQ(ReadFile(path), std::string(kSize, 'x'));
  EXPECT_EQ(CachedBytes(path), kSize);
}

TEST(PageCacheTest, PagesInUseStayAndAreSeen) {
  const auto path = FileInCache("page_cache_mapped.bin");
  const auto file = MappedFile::Open(path);
  size_t count = 0;
  for (const std::byte b : file->bytes()) count += b == std::byte{'x'} ? 1 : 0;
  ASSERT_EQ(count, kSize);
  DropCachedPages(path);
  EXPECT_EQ(CachedBytes(path), kSize);
}

TEST(PageCacheTest, AnEmptyFileHoldsNothingAndAMissingOneIsNamed) {
  const auto path = std::filesystem::path(::testing::TempDir()) / "page_cache_empty.bin";
  std::ofstream(path).close();
  DropCachedPages(path);
  EXPECT_EQ(CachedBytes(path), 0U);
  try {
    DropCachedPages("/nonexistent/x.bin");
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kNotFound);
    EXPECT_EQ(e.context(), "/nonexistent/x.bin");
  }
  EXPECT_THROW(DropCachedPages("/tmp"), Error);
  EXPECT_THROW(CachedBytes("/nonexistent/x.bin"), Error);
}

}  // namespace
}  // namespace dear
