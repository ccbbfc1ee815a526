#include "train/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/json.h"

namespace dear {
namespace {

// Made by tools/make_train_goldens.py with transformers.
const Json& ScheduleGolden() {
  static const Json golden = ReadJsonFile(DEAR_SOURCE_DIR "/tests/golden/train/schedule.json");
  return golden;
}

ScheduleOptions ScheduleOptionsOf(const Json& c) {
  ScheduleOptions options;
  options.name = c["name"];
  const Json& kwargs = c["kwargs"];
  if (kwargs.contains("num_cycles")) options.num_cycles = kwargs["num_cycles"].get<double>();
  if (kwargs.contains("timescale")) options.timescale = kwargs["timescale"].get<int64_t>();
  options.power = kwargs.value("power", options.power);
  options.end_learning_rate = kwargs.value("lr_end", options.end_learning_rate);
  options.min_rate = kwargs.value("min_lr_rate", options.min_rate);
  return options;
}

TEST(ScheduleTest, EqualsTransformers) {
  size_t names = 0;
  std::string last;
  for (const Json& c : ScheduleGolden()["cases"]) {
    const Schedule schedule(ScheduleOptionsOf(c), c["warmup"], c["total"], c["learning_rate"]);
    for (size_t step = 0; step < c["factors"].size(); ++step) {
      EXPECT_NEAR(schedule.Factor(static_cast<int64_t>(step)), c["factors"][step].get<double>(),
                  1e-12)
          << c["name"] << c["kwargs"] << c["total"] << " " << c["warmup"] << " step " << step;
    }
    names += c["name"] != last ? 1 : 0;
    last = c["name"];
  }
  EXPECT_EQ(names, ScheduleNames().size());
}

TEST(ScheduleTest, CountsWarmupStepsAsTransformers) {
  for (const Json& c : ScheduleGolden()["warmups"]) {
    EXPECT_EQ(WarmupSteps(c["steps"], 0, c["total"]), c["warmup"]) << c;
    // The older spelling of a share.
    if (c["steps"] < 1) {
      EXPECT_EQ(WarmupSteps(0, c["steps"], c["total"]), c["warmup"]) << c;
    }
  }
  EXPECT_EQ(WarmupSteps(7, 0.5, 100), 7);
}

TEST(ScheduleTest, PolynomialWithNothingButWarmupEnds) {
  const Schedule schedule({.name = "polynomial", .end_learning_rate = 1e-5}, 5, 5, 1e-4);
  EXPECT_DOUBLE_EQ(schedule.Factor(4), 0.8);
  EXPECT_DOUBLE_EQ(schedule.Factor(5), 0.1);
}

TEST(ScheduleTest, RefusesUnknownNamesWithTheList) {
  try {
    Schedule({.name = "warmup_stable_decay"}, 0, 10, 1e-4);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(error.what(),
                ::testing::HasSubstr("'warmup_stable_decay' is not one of: constant,"));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("inverse_sqrt"));
  }
  EXPECT_THROW(Schedule({.name = "polynomial", .end_learning_rate = 1}, 0, 10, 1e-4), Error);
  EXPECT_THROW(Schedule({.name = "cosine", .num_cycles = -1.0}, 0, 10, 1e-4), Error);
  EXPECT_THROW(Schedule({}, -1, 10, 1e-4), Error);
}

}  // namespace
}  // namespace dear
