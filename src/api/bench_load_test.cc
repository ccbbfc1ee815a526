#include "api/bench_load.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "api/testing/temporary_files.h"
#include "base/mapped_file.h"
#include "base/testing/goldens.h"

namespace dear {
namespace {

namespace fs = std::filesystem;

// A copy of a golden model, for its pages to be dropped.
LoadRequest RequestOf(const TemporaryFiles& files) {
  fs::copy(testing::kFlows / "base", files.folder() / "base", fs::copy_options::recursive);
  fs::copy(testing::kFlows / "listwise", files.folder() / "x", fs::copy_options::recursive);
  LoadRequest request;
  request.model = (files.folder() / "base").string();
  request.adapters = {{.name = "x", .path = (files.folder() / "x").string()}};
  request.threads = 1;
  return request;
}

uint64_t BytesIn(const fs::path& folder) {
  uint64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(folder)) bytes += entry.file_size();
  return bytes;
}

TEST(BenchLoadTest, AWarmStartIsTimedToTheFirstToken) {
  const TemporaryFiles files;
  const BenchWork work = ParseBenchWork("load");
  const LoadRequest request = RequestOf(files);
  const LoadTiming timing = TimeLoad(work, request, "", 2);
  ASSERT_EQ(timing.seconds.size(), 2U);
  ASSERT_EQ(timing.seconds_opened.size(), 2U);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_GT(timing.seconds_opened[i], 0);
    EXPECT_GT(timing.seconds[i], timing.seconds_opened[i]);
  }
  EXPECT_EQ(timing.cost.tokens, 1);
  EXPECT_EQ(timing.file_bytes, 0U);  // it reads no disk that it knows of
  // The token goes through the adapter that is asked for.
  EXPECT_GT(timing.cost.bytes, TimeLoad(work, request, "base", 1).cost.bytes);
  EXPECT_THROW(TimeLoad(work, request, "y", 1), Error);
}

TEST(BenchLoadTest, AColdStartReadsTheFilesOfModelAndAdapter) {
  const TemporaryFiles files;
  const LoadRequest request = RequestOf(files);
  const LoadTiming timing = TimeLoad(ParseBenchWork("loadcold"), request, "", 2);
  EXPECT_EQ(timing.seconds.size(), 2U);
  EXPECT_EQ(timing.file_bytes, BytesIn(files.folder() / "base") + BytesIn(files.folder() / "x"));
  EXPECT_LE(timing.kept_bytes + timing.read_bytes, timing.file_bytes);
  if (timing.kept_bytes == 0) {
    EXPECT_GT(timing.read_bytes, fs::file_size(files.folder() / "base" / "model.safetensors") / 2);
    EXPECT_GT(timing.disk_bytes_per_second, 0);
  }
}

// What is mapped in place of the weights has to be dropped as they are.
TEST(BenchLoadTest, AColdStartReadsPackedWeightsToo) {
  const TemporaryFiles files;
  LoadRequest request = RequestOf(files);
  request.options.compute = Compute::kFast;
  request.packed = {.limit = uint64_t{1} << 30,
                    .least = 0,
                    .folder = files.folder() / "packed",
                    .settled = std::chrono::seconds(0)};
  const LoadTiming timing = TimeLoad(ParseBenchWork("loadcold"), request, "", 1);
  const uint64_t packed = BytesIn(files.folder() / "packed");
  EXPECT_GT(packed, 0U);
  EXPECT_EQ(timing.file_bytes,
            BytesIn(files.folder() / "base") + BytesIn(files.folder() / "x") + packed);
  if (timing.kept_bytes == 0) {
    EXPECT_GT(timing.read_bytes, packed / 2);
  }
}

TEST(BenchLoadTest, PagesThatStayAreReported) {
  const TemporaryFiles files;
  const LoadRequest request = RequestOf(files);
  const auto in_use = MappedFile::Open(files.folder() / "base" / "model.safetensors");
  uint64_t sum = 0;
  for (const std::byte b : in_use->bytes()) sum += std::to_integer<uint64_t>(b);
  ASSERT_GT(sum, 0U);
  const BenchWork work = ParseBenchWork("loadcold");
  const LoadTiming timing = TimeLoad(work, request, "", 1);
  EXPECT_GE(timing.kept_bytes, in_use->bytes().size());
  EXPECT_FALSE(timing.is_cold());
  const MachinePeak peak{.f32_flops = 1e9, .bytes_per_second = 1e9};
  EXPECT_EQ(FloorOfLoad(work, timing, peak, Compute::kReference).seconds, 0);
}

TEST(BenchLoadTest, CanBeStopped) {
  const TemporaryFiles files;
  EXPECT_THROW(TimeLoad(ParseBenchWork("load"), RequestOf(files), "", 2, [] { return true; }),
               Error);
}

TEST(BenchLoadTest, TheFloorIsMemoryOrTheDisk) {
  const MachinePeak peak{.f32_flops = 1e9, .bytes_per_second = 10};
  LoadTiming timing{.seconds = {},
                    .seconds_opened = {},
                    .cost = {.tokens = 1, .flop = 1, .bytes = 50},
                    .file_bytes = 1000,
                    .kept_bytes = 10,
                    .read_bytes = 900,
                    .disk_bytes_per_second = 100};
  const BenchWork warm = ParseBenchWork("load");
  const BenchWork cold = ParseBenchWork("loadcold");
  const auto floor = [&](const BenchWork& work) {
    return FloorOfLoad(work, timing, peak, Compute::kReference);
  };
  EXPECT_DOUBLE_EQ(floor(warm).seconds, 5);
  EXPECT_EQ(floor(warm).bound_by, "memory");
  EXPECT_DOUBLE_EQ(floor(cold).seconds, 9);
  EXPECT_EQ(floor(cold).bound_by, "disk");
  timing.disk_bytes_per_second = 300;
  EXPECT_EQ(floor(cold).bound_by, "memory");
  timing.disk_bytes_per_second = 0;
  EXPECT_EQ(floor(cold).seconds, 0);
  timing.disk_bytes_per_second = 100;
  timing.kept_bytes = 11;
  EXPECT_EQ(floor(cold).seconds, 0);
}

}  // namespace
}  // namespace dear
