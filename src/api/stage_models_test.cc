#include "api/stage_models.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "base/error.h"
#include "base/json.h"
#include "base/testing/goldens.h"

namespace dear {
namespace {

namespace fs = std::filesystem;

using testing::kFlows;

TEST(ParseStageSpec, ANumberBehindTheLastColonIsTheDepth) {
  EXPECT_EQ(ParseStageSpec("org/name:30").model, "org/name");
  EXPECT_EQ(ParseStageSpec("org/name:30").depth, 30);
  EXPECT_EQ(ParseStageSpec("org/name").depth, 0);
  EXPECT_EQ(ParseStageSpec("a:b").model, "a:b");
  EXPECT_EQ(ParseStageSpec("a:30b").model, "a:30b");
  EXPECT_EQ(ParseStageSpec("a:").model, "a:");
  EXPECT_THROW(ParseStageSpec("a:0"), Error);
  EXPECT_THROW(ParseStageSpec("a:-3"), Error);
  EXPECT_THROW(ParseStageSpec(":3"), Error);
  const fs::path file = fs::path(::testing::TempDir()) / "model:7";
  std::ofstream(file) << "x";
  EXPECT_EQ(ParseStageSpec(file.string()).model, file.string());
  fs::remove(file);
}

TEST(StageModels, TwoAdaptersOfOneBaseRankOneAfterTheOther) {
  const Json golden = ReadJsonFile(kFlows / "flows.json").at("cases").at(0);
  LoadRequest request;
  request.model = (kFlows / "classifier").string();
  request.threads = 1;
  const LoadedModel first = Load(request);
  const Reranker pointwise(first.MakeLanguageModel(first.FindAdapter("")),
                           LoadRecipe("dear-pointwise-card"));
  const StageModels later(first, {ParseStageSpec((kFlows / "listwise").string() + ":3")}, {});
  const std::vector<Stage> stages = later.Behind({request.model, &pointwise, 0});
  ASSERT_EQ(stages.size(), 2U);
  EXPECT_EQ(stages[1].reranker->recipe().name, "dear-card");
  EXPECT_EQ(stages[1].depth, 3);

  RankRequest query{.qid = "1", .query = golden.at("query"), .passages = {}};
  for (const Json& text : golden.at("passages"))
    query.passages.push_back({.text = text.get<std::string>()});
  const auto outcomes = RankInStages(stages, std::span(&query, 1), {.max_new_tokens = 20});
  ASSERT_FALSE(outcomes[0].error);
  const RankResult& result = outcomes[0].result;
  // The first stage's scores are the classifier's, and its tail stays behind the second stage's.
  const std::vector<double> logits = golden.at("logits");
  for (size_t i = 0; i < logits.size(); ++i)
    EXPECT_NEAR(result.stages.at(0).scores.at(i), logits[i], 1e-5);
  const auto& before = result.stages.at(0).permutation;
  EXPECT_TRUE(std::is_permutation(before.begin(), before.begin() + 3, result.permutation.begin()));
  EXPECT_TRUE(std::equal(before.begin() + 3, before.end(), result.permutation.begin() + 3));
}

TEST(StageModels, AnAdapterThatIsLoadedIsTakenByItsName) {
  LoadRequest request;
  request.model = (kFlows / "base").string();
  request.threads = 1;
  request.adapters = {{.name = "mine", .path = (kFlows / "listwise").string()}};
  const LoadedModel first = Load(request);
  const StageModels later(first, {{.model = "mine", .recipe = "query-likelihood", .depth = 2}}, {});
  const auto stages = later.Behind({});
  EXPECT_EQ(stages[1].reranker->recipe().name, "query-likelihood");
  EXPECT_EQ(stages[1].model, "mine");
  EXPECT_THROW(StageModels(first, {{.model = "absent", .recipe = "", .depth = 0}}, {}), Error);
}

}  // namespace
}  // namespace dear
