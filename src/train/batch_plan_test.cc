#include "train/batch_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/error.h"

namespace dear {
namespace {

using ::testing::ElementsAre;

// 11 items in micro-batches of 2 are 6, the last of one item; 4 of those are a step: 2 an epoch.
BatchPlanOptions Uneven() {
  return {.batch_size = 2, .accumulation_steps = 4, .epochs = 2.5, .shuffle = false};
}

TEST(BatchPlanTest, CountsAsTransformersDoes) {
  BatchPlan plan(11, Uneven());
  EXPECT_EQ(plan.steps_per_epoch(), 2);
  EXPECT_EQ(plan.total_steps(), 5);
  const BatchPlan::Step first = plan.At(0);
  EXPECT_THAT(first.micro_batches, ElementsAre(ElementsAre(0, 1), ElementsAre(2, 3),
                                               ElementsAre(4, 5), ElementsAre(6, 7)));
  EXPECT_DOUBLE_EQ(first.epochs_done, 4.0 / 6);
  const BatchPlan::Step second = plan.At(1);
  EXPECT_THAT(second.micro_batches, ElementsAre(ElementsAre(8, 9), ElementsAre(10)));
  EXPECT_DOUBLE_EQ(second.epochs_done, 1.0);
  EXPECT_EQ(plan.At(4).epoch, 2);
}

TEST(BatchPlanTest, MaxStepsWinOverEpochs) {
  BatchPlanOptions options = Uneven();
  options.max_steps = 17;
  EXPECT_EQ(BatchPlan(11, options).total_steps(), 17);
}

TEST(BatchPlanTest, EachEpochSeesEveryItemOnceInItsOwnOrder) {
  BatchPlanOptions options = Uneven();
  options.shuffle = true;
  BatchPlan plan(101, options);
  BatchPlan backwards(101, options);
  std::vector<std::vector<size_t>> orders;
  for (int64_t epoch = 0; epoch < 2; ++epoch) {
    std::vector<size_t> order;
    for (int64_t step = 0; step < plan.steps_per_epoch(); ++step) {
      for (const auto& batch : plan.At(epoch * plan.steps_per_epoch() + step).micro_batches) {
        order.insert(order.end(), batch.begin(), batch.end());
      }
    }
    EXPECT_EQ(std::set(order.begin(), order.end()).size(), 101U);
    EXPECT_EQ(order.size(), 101U);
    orders.push_back(order);
  }
  EXPECT_NE(orders[0], orders[1]);
  // A step is the same whatever was asked for before.
  for (const int64_t step : {20, 3, 14}) {
    EXPECT_EQ(backwards.At(step).micro_batches, plan.At(step).micro_batches);
  }
  options.seed = 43;
  EXPECT_NE(BatchPlan(101, options).At(0).micro_batches, plan.At(0).micro_batches);
}

TEST(BatchPlanTest, NothingToTrainOnIsAnError) {
  EXPECT_THROW(BatchPlan(0, {}), Error);
}

}  // namespace
}  // namespace dear
