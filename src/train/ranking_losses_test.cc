#include "train/ranking_losses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "base/error.h"
#include "base/json.h"

namespace dear {
namespace {

using ::testing::HasSubstr;

constexpr float kNoNumber = std::numeric_limits<float>::quiet_NaN();

// Made by tools/make_train_goldens.py with torch in float64.
const Json& LossGolden() {
  static const Json golden =
      ReadJsonFile(DEAR_SOURCE_DIR "/tests/golden/train/ranking_losses.json");
  return golden;
}

struct OwnedGroup {
  std::vector<float> scores;
  std::vector<float> labels;
  std::vector<float> teacher;
  std::vector<int32_t> order;

  RankingGroup View() const { return {scores, labels, teacher, order}; }
};

OwnedGroup Read(const Json& group) {
  return {group["scores"], group["labels"], group["teacher_scores"], group["teacher_order"]};
}

RankingLossOptions OptionsOf(const Json& value) {
  RankingLossOptions options;
  const std::string name = value["name"];
  if (name == "mixed") {
    options.losses = {{"ranknet_binary", 0.5}, {"softmax_ce", 0.5}};
    options.kl_weight = 0.1;
    options.temperature = 2;
    return options;
  }
  options.losses = {{name, 1}};
  const Json& given = value["options"];
  if (given.contains("hard")) options.ranknet_targets = RankNetTargets::kHard;
  options.ndcg_cut = given.value("cut", int64_t{0});
  options.sigma = given.value("sigma", 1.0);
  return options;
}

RankingLossOptions One(const std::string& name) {
  RankingLossOptions options;
  options.losses = {{name, 1}};
  return options;
}

TEST(RankingLossTest, LossAndGradientEqualTorch) {
  std::set<std::string> names;
  for (const Json& golden : LossGolden()["groups"]) {
    for (const Json& value : golden["values"]) {
      OwnedGroup group = Read(golden);
      if (value["options"].contains("no_labels")) group.labels.clear();
      names.insert(value["name"]);
      const std::string what = value["name"].get<std::string>() + value["options"].dump() + " of " +
                               std::to_string(group.scores.size());
      const RankingLossValue actual = MakeRankingLoss(OptionsOf(value))->Compute(group.View());
      const double loss = value["loss"];
      EXPECT_NEAR(actual.loss, loss, 1e-12 + 1e-10 * std::abs(loss)) << what;
      const auto gradient = value["gradient"].get<std::vector<double>>();
      double largest = 0;
      for (const double each : gradient) largest = std::max(largest, std::abs(each));
      ASSERT_EQ(actual.gradient.size(), gradient.size());
      for (size_t i = 0; i < gradient.size(); ++i) {
        EXPECT_NEAR(actual.gradient[i], gradient[i], 1e-12 + 1e-6 * largest) << what << " " << i;
      }
    }
  }
  EXPECT_EQ(names.size(), RankingLossNames().size() + 1);
}

TEST(RankingLossTest, StaysFiniteFarOut) {
  const OwnedGroup group{{3e38F, -3e38F, 1e30F}, {0, 1, 0}, {-3e38F, 3e38F, 0}, {2, 0, 1}};
  for (const std::string_view name : RankingLossNames()) {
    if (name == "margin_mse") continue;  // a square
    RankingLossOptions options = One(std::string(name));
    options.kl_weight = 0.5;
    const RankingLossValue value = MakeRankingLoss(options)->Compute(group.View());
    EXPECT_TRUE(std::isfinite(value.loss)) << name;
    for (const float each : value.gradient) EXPECT_TRUE(std::isfinite(each)) << name;
  }
}

// d f(c s) / ds = c f'(c s).
TEST(RankingLossTest, AScaleIsThatOfTheScores) {
  const OwnedGroup group{{0.5F, -1, 0.25F}, {0, 1, 0}, {-1, 2, 0}, {1, 2, 0}};
  const OwnedGroup scaled{{2, -4, 1}, {0, 1, 0}, {-1, 2, 0}, {1, 2, 0}};
  for (const std::string_view name : RankingLossNames()) {
    RankingLossOptions options = One(std::string(name));
    options.kl_weight = 0.25;
    const RankingLossValue expected = MakeRankingLoss(options)->Compute(scaled.View());
    options.score_scale = 4;
    const RankingLossValue value = MakeRankingLoss(options)->Compute(group.View());
    EXPECT_EQ(value.loss, expected.loss) << name;
    for (size_t i = 0; i < 3; ++i)
      EXPECT_FLOAT_EQ(value.gradient[i], 4 * expected.gradient[i]) << name;
  }
}

TEST(RankingLossTest, NothingToOrderGivesZero) {
  const OwnedGroup one{{1.5F}, {1}, {2}, {0}};
  for (const std::string_view name : RankingLossNames()) {
    const RankingLossValue value = MakeRankingLoss(One(std::string(name)))->Compute(one.View());
    EXPECT_EQ(value.loss, 0) << name;
    EXPECT_EQ(value.gradient, std::vector<float>{0}) << name;
  }
  const OwnedGroup none_positive{{1, 2}, {0, 0}, {0, 0}, {0, 1}};
  for (const char* name : {"softmax_ce", "lambda_rank", "lambda_loss", "margin_mse"}) {
    const RankingLossValue value = MakeRankingLoss(One(name))->Compute(none_positive.View());
    EXPECT_EQ(value.loss, 0) << name;
    EXPECT_EQ(value.gradient, (std::vector<float>{0, 0})) << name;
  }
}

TEST(RankingLossTest, TeacherScoresGiveTheOrder) {
  OwnedGroup group{{1, 2, 0.5F}, {}, {3, 7, 3}, {1, 0, 2}};
  for (const char* name : {"list_mle", "ranknet_order"}) {
    const auto loss = MakeRankingLoss(One(name));
    EXPECT_TRUE(loss->needs_teacher_order());
    const double by_order = loss->Compute(group.View()).loss;
    EXPECT_EQ(loss->Compute({group.scores, {}, group.teacher, {}}).loss, by_order);
    EXPECT_THROW(loss->Compute({group.scores, {}, {}, {}}), Error);
  }
}

std::string MessageOf(const RankingLossOptions& options, const RankingGroup& group) {
  try {
    MakeRankingLoss(options)->Compute(group);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
  return "";
}

TEST(RankingLossTest, RefusesBrokenGroups) {
  const std::vector<float> two = {1, 2};
  const std::vector<float> bad = {1, kNoNumber};
  const std::vector<float> negative = {1, -1};
  const std::vector<float> huge = {1e4F, 0};
  const std::vector<int32_t> repeated = {1, 1};
  EXPECT_THAT(MessageOf(One("softmax_ce"), {{}, {}, {}, {}}), HasSubstr("no passages"));
  EXPECT_THAT(MessageOf(One("softmax_ce"), {bad, two, {}, {}}), HasSubstr("scores[1]"));
  EXPECT_THAT(MessageOf(One("softmax_ce"), {two, {}, {}, {}}), HasSubstr("labels: expected 2"));
  EXPECT_THAT(MessageOf(One("softmax_ce"), {two, negative, {}, {}}), HasSubstr("labels[1]"));
  EXPECT_THAT(MessageOf(One("lambda_loss"), {two, huge, {}, {}}), HasSubstr("must be in 0..1000"));
  EXPECT_THAT(MessageOf(One("ranknet_teacher"), {two, two, {}, {}}), HasSubstr("teacher_scores"));
  EXPECT_THAT(MessageOf(One("ranknet_teacher"), {two, {}, bad, {}}),
              HasSubstr("teacher_scores[1]"));
  EXPECT_THAT(MessageOf(One("list_mle"), {two, {}, {}, repeated}), HasSubstr("passage 1 twice"));
  RankingLossOptions with_kl;
  with_kl.kl_weight = 0.1;
  EXPECT_TRUE(MakeRankingLoss(with_kl)->needs_teacher_scores());
  EXPECT_THAT(MessageOf(with_kl, {two, two, {}, {}}), HasSubstr("teacher_scores"));
}

TEST(RankingLossTest, RefusesOptionsThatMakeNoSense) {
  RankingLossOptions options = One("hinge");
  EXPECT_THAT(MessageOf(options, {}), HasSubstr("known are softmax_ce, ranknet_binary"));
  options = One("listnet");
  options.losses[0].weight = 0;
  EXPECT_THROW(MakeRankingLoss(options), Error);
  options = {};
  options.losses.clear();
  EXPECT_THROW(MakeRankingLoss(options), Error);
  options = {};
  options.temperature = 0;
  EXPECT_THROW(MakeRankingLoss(options), Error);
  options = {};
  options.kl_weight = 1.5;
  EXPECT_THROW(MakeRankingLoss(options), Error);
}

}  // namespace
}  // namespace dear
