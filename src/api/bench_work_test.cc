#include "api/bench_work.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "formats/random_checkpoint.h"

namespace dear {
namespace {

TEST(BenchWorkTest, NamesSayWhatIsDone) {
  const BenchWork prefill = ParseBenchWork("prefill512");
  EXPECT_EQ(prefill.prompt, 512);
  EXPECT_EQ(prefill.before, 0);
  const BenchWork verify = ParseBenchWork("verify80");
  EXPECT_EQ(verify.before, 512);
  EXPECT_EQ(verify.prompt, 80);
  EXPECT_EQ(ParseBenchWork("decode").decoded, 32);
  EXPECT_EQ(ParseBenchWork("decode7").decoded, 7);
  const BenchWork pointwise = ParseBenchWork("pointwise8x228");
  EXPECT_EQ(pointwise.sequences, 8);
  EXPECT_EQ(pointwise.prompt, 228);
  const BenchWork listwise = ParseBenchWork("listwise20");
  EXPECT_EQ(listwise.prompt, 2800);
  EXPECT_EQ(listwise.decoded, 99);
  EXPECT_FALSE(listwise.loads());
  EXPECT_EQ(ParseBenchWork("load").kind, BenchWork::Kind::kLoad);
  EXPECT_EQ(ParseBenchWork("loadcold").kind, BenchWork::Kind::kLoadCold);
  for (const char* name : {"load", "loadcold"}) {
    EXPECT_TRUE(ParseBenchWork(name).loads());
    EXPECT_EQ(ParseBenchWork(name).prompt, 1);
  }
}

TEST(BenchWorkTest, RefusesOtherNames) {
  for (const char* name :
       {"", "prefill", "prefill0", "prefill-1", "prefill5x5", "pointwise8", "pointwise8x",
        "pointwise0x5", "pointwise2000x2000", "decode32s", "listwise99999999999999999999", "train5",
        "load2", "loadcold1", "loadwarm", "loa"}) {
    EXPECT_THROW(ParseBenchWork(name), Error) << name;
  }
}

std::shared_ptr<const Model> Small() {
  Checkpoint checkpoint = RandomCheckpoint("135m", DType::kBF16);
  checkpoint.config.num_layers = 2;
  checkpoint.config.sliding_windows = {0, 0};
  return Model::Load(checkpoint);
}

TEST(BenchWorkTest, CostsAreCounted) {
  const auto model = Small();
  const double layer = 576.0 * 64 * (9 + 3 + 3 + 9) + 3.0 * 576 * 1536;
  const double table = 49152.0 * 576;
  const BenchCost prefill = CostOf(ParseBenchWork("prefill10"), *model);
  EXPECT_EQ(prefill.tokens, 10);
  EXPECT_DOUBLE_EQ(prefill.flop, 2 * 2 * layer * 10 + 2 * table + 4.0 * 2 * 9 * 64 * 55);
  EXPECT_DOUBLE_EQ(prefill.bytes, 2 * (2 * layer + table));  // bf16
  const BenchCost decode = CostOf(ParseBenchWork("decode2"), *model);
  EXPECT_EQ(decode.tokens, 2);
  EXPECT_DOUBLE_EQ(decode.flop, 2 * (2 * 2 * layer + 2 * table) + 4.0 * 2 * 9 * 64 * (513 + 514));
  EXPECT_DOUBLE_EQ(decode.bytes, 2 * 2 * (2 * layer + table));
  const BenchCost verify = CostOf(ParseBenchWork("verify3"), *model);
  EXPECT_DOUBLE_EQ(verify.flop,
                   3 * (2 * 2 * layer + 2 * table) + 4.0 * 2 * 9 * 64 * (513 + 514 + 515));
  const BenchCost pointwise = CostOf(ParseBenchWork("pointwise4x10"), *model);
  EXPECT_EQ(pointwise.tokens, 40);
  EXPECT_DOUBLE_EQ(pointwise.flop, 4 * prefill.flop);
  EXPECT_DOUBLE_EQ(pointwise.bytes, prefill.bytes);
}

TEST(BenchWorkTest, TheFloorIsTheLongerOfTwo) {
  const MachinePeak peak{.f32_flops = 100, .bf16_flops = 400, .bytes_per_second = 10};
  const BenchCost cost{.tokens = 1, .flop = 1000, .bytes = 50};
  EXPECT_DOUBLE_EQ(FloorOf(cost, peak, Compute::kReference).seconds, 10);
  EXPECT_EQ(FloorOf(cost, peak, Compute::kReference).bound_by, "arithmetic");
  EXPECT_DOUBLE_EQ(FloorOf(cost, peak, Compute::kFast).seconds, 5);
  EXPECT_EQ(FloorOf(cost, peak, Compute::kFast).bound_by, "memory");
  EXPECT_DOUBLE_EQ(FloorOf(cost, {}, Compute::kFast).seconds, 0);
}

TEST(BenchWorkTest, EveryKindRunsAndCanBeStopped) {
  const auto model = Small();
  const auto pool = std::make_shared<ThreadPool>(2);
  for (const char* name : {"prefill8", "verify4", "decode2", "pointwise3x5", "listwise1"}) {
    const std::vector<double> seconds = TimeWork(ParseBenchWork(name), {model, nullptr, pool}, 2);
    ASSERT_EQ(seconds.size(), 2U) << name;
    EXPECT_GT(seconds[0], 0) << name;
  }
  EXPECT_THROW(TimeWork(ParseBenchWork("prefill8"), {model, nullptr, pool}, 2, [] { return true; }),
               Error);
}

}  // namespace
}  // namespace dear
