#include "rank/stages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "rank/testing/fakes.h"

namespace dear {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Scores by the number behind `key` in the passage.
std::shared_ptr<testing::FakeLanguageModel> ScoringBy(const std::string& key) {
  auto model = std::make_shared<testing::FakeLanguageModel>();
  model->score_head = true;
  model->logits = [key](const std::string& prompt) {
    return std::vector<float>{static_cast<float>(std::atof(prompt.c_str() + prompt.find(key) + 2))};
  };
  return model;
}

std::shared_ptr<testing::FakeLanguageModel> Writing(const std::string& answer) {
  auto model = std::make_shared<testing::FakeLanguageModel>();
  model->answer = [answer](const std::string&) { return answer; };
  return model;
}

RankRequest Request() {
  RankRequest request{.qid = "q", .query = "which", .passages = {}};
  for (const char* text : {"a=1 b=9", "a=5 b=1", "a=4 b=2", "a=3 b=3"}) {
    request.passages.push_back(
        {.docid = text,
         .text = text,
         .first_stage_score = 10.0 - static_cast<double>(request.passages.size())});
  }
  return request;
}

class StagesTest : public ::testing::Test {
 protected:
  RankResult Run(const std::vector<Stage>& stages, const std::optional<Fusion>& fusion = {}) {
    const RankRequest request = Request();
    auto outcomes = RankInStages(stages, std::span(&request, 1), {.trace = true}, fusion);
    EXPECT_FALSE(outcomes.front().error);
    return outcomes.front().result;
  }

  const Reranker by_a_{ScoringBy("a="), LoadRecipe("dear-pointwise-card")};
  const Reranker by_b_{ScoringBy("b="), LoadRecipe("dear-pointwise-card")};
  const Reranker writes_{Writing("[1] > [0] > [2]"), LoadRecipe("dear-card")};
};

TEST_F(StagesTest, OneStageIsTheRerankerItself) {
  const RankResult result = Run({{"a", &by_a_}});
  const RankResult alone = by_a_.Rank(Request(), {.trace = true});
  EXPECT_EQ(result.permutation, alone.permutation);
  EXPECT_EQ(result.scores, alone.scores);
  EXPECT_EQ(result.score_kind, ScoreKind::kLogit);
  EXPECT_EQ(result.trace.prompts, alone.trace.prompts);
}

TEST_F(StagesTest, WhatIsBehindTheDepthFollowsUnscored) {
  const RankResult result = Run({{"a", &by_a_, 3}});
  EXPECT_THAT(result.permutation, ElementsAre(1, 2, 0, 3));
  EXPECT_EQ(result.scores[1], 5);
  EXPECT_TRUE(std::isnan(result.scores[3]));
  EXPECT_EQ(result.trace.prompts.size(), 3U);
}

TEST_F(StagesTest, TheSecondStageRanksTheFrontOfTheFirst) {
  const RankResult result = Run({{"a", &by_a_}, {"b", &by_b_, 3}});
  // a: 1 2 3 0; b among the first three: 3 2 1. Passage 0, the best by b, was not among them.
  EXPECT_THAT(result.permutation, ElementsAre(3, 2, 1, 0));
  EXPECT_EQ(result.score_kind, ScoreKind::kPosition);
  EXPECT_THAT(result.scores, ElementsAre(.25F, .5F, .75F, 1));
  ASSERT_EQ(result.stages.size(), 2U);
  EXPECT_THAT(result.stages[0].permutation, ElementsAre(1, 2, 3, 0));
  EXPECT_EQ(result.stages[1].passages, 3);
  EXPECT_EQ(result.stages[1].scores[3], 3);
  EXPECT_TRUE(std::isnan(result.stages[1].scores[0]));
  EXPECT_EQ(result.trace.prompts.size(), 7U);
  // Over the whole list, the scores of the last stage are those of the result.
  EXPECT_EQ(Run({{"a", &by_a_}, {"b", &by_b_}}).score_kind, ScoreKind::kLogit);
}

TEST_F(StagesTest, AListwiseStageSaysPositions) {
  const RankResult result = Run({{"a", &by_a_}, {"writes", &writes_, 3}});
  EXPECT_THAT(result.permutation, ElementsAre(2, 1, 3, 0));
  EXPECT_EQ(result.text, "[1] > [0] > [2]");
  EXPECT_EQ(result.windows, 1);
  EXPECT_EQ(result.repair, Repair::kOk);
  EXPECT_EQ(result.repairs[0], 1);
  EXPECT_EQ(Run({{"writes", &writes_, 2}}).repair, Repair::kRepetition);
}

TEST_F(StagesTest, TheLastStageAloneSettles) {
  const RankRequest request = Request();
  // Two windows that do not overlap; the one behind does not reach the first place.
  const RankOptions options{.window = 2, .step = 2, .settle = 1};
  const std::vector<Stage> stages = {{"writes", &writes_}, {"again", &writes_}};
  const auto twice = RankInStages(stages, std::span(&request, 1), options);
  ASSERT_TRUE(twice.front().result.settled);
  EXPECT_EQ(twice.front().result.settled->windows, 1);
  EXPECT_EQ(twice.front().result.settled->of, 2);
  EXPECT_EQ(twice.front().result.windows, 2 + 1);
  const std::vector<Stage> scored_last = {{"writes", &writes_}, {"a", &by_a_}};
  const auto scored = RankInStages(scored_last, std::span(&request, 1), options);
  EXPECT_FALSE(scored.front().result.settled);
  EXPECT_EQ(scored.front().result.windows, 2);
  EXPECT_THROW(RankInStages(stages, std::span(&request, 1), options, ParseFusion("rrf")), Error);
}

TEST_F(StagesTest, FusionWeighsTheOrderInWhichThePassagesCame) {
  const RankResult mine = Run({{"a", &by_a_}}, ParseFusion("minmax:0"));
  EXPECT_THAT(mine.permutation, ElementsAre(1, 2, 3, 0));
  EXPECT_EQ(mine.score_kind, ScoreKind::kFused);
  EXPECT_THAT(Run({{"a", &by_a_}}, ParseFusion("minmax:1")).permutation, ElementsAre(0, 1, 2, 3));
  // By rank: 0 is 1st and 4th, 1 is 2nd and 1st.
  EXPECT_EQ(Run({{"a", &by_a_, 3}}, ParseFusion("rrf")).permutation.front(), 1);
}

TEST_F(StagesTest, EqualFirstScoresLeaveTheRerankersOrder) {
  RankRequest request = Request();
  for (Passage& passage : request.passages) passage.first_stage_score = 0;
  const std::vector<Stage> stages = {{"a", &by_a_}};
  const auto outcomes = RankInStages(stages, std::span(&request, 1), {}, ParseFusion("minmax:0.5"));
  ASSERT_FALSE(outcomes[0].error);
  EXPECT_THAT(outcomes[0].result.permutation, ElementsAre(1, 2, 3, 0));
  EXPECT_THAT(outcomes[0].result.scores, ElementsAre(0, .5F, .375F, .25F));
}

TEST_F(StagesTest, AMissingFirstScoreFailsItsQueryAlone) {
  RankRequest requests[] = {Request(), Request(), Request()};
  requests[0].passages[2].first_stage_score.reset();
  requests[1].passages[3].first_stage_score.reset();
  requests[1].passages[3].docid.clear();
  const std::vector<Stage> stages = {{"a", &by_a_}};
  const auto outcomes = RankInStages(stages, requests, {}, ParseFusion("minmax:0.5"));
  ASSERT_TRUE(outcomes[0].error);
  EXPECT_STREQ(
      outcomes[0].error->what(),
      "fuse: passage 'a=4 b=2' has no score of a first stage to fuse with; rrf needs none");
  ASSERT_TRUE(outcomes[1].error);
  EXPECT_THAT(outcomes[1].error->what(), HasSubstr("passage 4 of 4 has no score"));
  EXPECT_FALSE(outcomes[2].error);
  // Ranks need no scores.
  EXPECT_FALSE(RankInStages(stages, requests, {}, ParseFusion("rrf"))[0].error);
}

TEST_F(StagesTest, AFailureKeepsWhatTheStagesBeforeItGave) {
  auto broken = Writing("");
  broken->answer = [](const std::string&) -> std::string {
    throw Error(ErrorCode::kInvalidFormat, "weights", "hold NaN");
  };
  const Reranker breaks(broken, LoadRecipe("dear-card"));
  const std::vector<Stage> stages = {{"a", &by_a_}, {"breaks", &breaks}};
  RankRequest requests[] = {Request(), {.qid = "empty", .query = "x", .passages = {}}};
  const auto outcomes = RankInStages(stages, requests, {});
  ASSERT_TRUE(outcomes[0].error);
  EXPECT_THAT(outcomes[0].error->what(), HasSubstr("hold NaN"));
  EXPECT_THAT(outcomes[0].result.permutation, ElementsAre(1, 2, 3, 0));
  EXPECT_FALSE(outcomes[1].error);
  EXPECT_TRUE(outcomes[1].result.permutation.empty());
}

}  // namespace
}  // namespace dear
