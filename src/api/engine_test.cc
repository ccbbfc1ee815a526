// The public API over a tiny model with adapters; what it answers is held against the goldens of
// transformers and peft.
#include "dear/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/json.h"
#include "base/testing/goldens.h"

namespace dear {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using testing::kFlows;

class EngineTest : public ::testing::Test {
 protected:
  static Engine Load(const std::string& folder) {
    return Engine::Load((kFlows / folder).string(), {.threads = 2});
  }

  const Json golden_ = ReadJsonFile(kFlows / "flows.json").at("cases").at(0);
  const std::string query_ = golden_.at("query");
  const std::vector<std::string> passages_ = golden_.at("passages");
};

TEST_F(EngineTest, RanksAsTheReferenceDoes) {
  const Engine engine = Load("base");
  const Ranker ranker = engine.MakeRanker();
  EXPECT_EQ(ranker.recipe(), "query-likelihood");
  const Ranking ranking = ranker.Rank(query_, passages_);
  EXPECT_EQ(ranking.score_kind, "log_likelihood");
  const std::vector<double> scores = golden_.at("likelihoods");
  ASSERT_EQ(ranking.passages.size(), scores.size());
  for (const RankedPassage& passage : ranking.passages)
    EXPECT_NEAR(passage.score, scores[passage.index], 1e-5);
  EXPECT_TRUE(std::ranges::is_sorted(ranking.passages, std::ranges::greater{},
                                     [](const RankedPassage& passage) { return passage.score; }));
  EXPECT_GT(ranking.prompt_tokens, 0);
}

TEST_F(EngineTest, AnAdapterFindsItsBaseAndItsRecipe) {
  const Engine listwise = Load("listwise");
  EXPECT_THAT(listwise.Adapters(), ElementsAre("listwise"));
  EXPECT_EQ(listwise.MakeRanker().recipe(), "dear-card");
  EXPECT_EQ(listwise.MakeRanker({.adapter = "base"}).recipe(), "query-likelihood");
  const Engine classifier = Load("classifier");
  const Ranker ranker = classifier.MakeRanker();
  EXPECT_EQ(ranker.recipe(), "dear-pointwise-card");
  const std::vector<double> logits = golden_.at("logits");
  for (const RankedPassage& passage : ranker.Rank(query_, passages_).passages)
    EXPECT_NEAR(passage.score, logits[passage.index], 1e-5);
}

TEST_F(EngineTest, ThePrefixCacheServesAllRankersAndChangesNothing) {
  const std::string base = (kFlows / "base").string();
  const Engine plain = Engine::Load(base, {.threads = 2});
  Engine cached = Engine::Load(base, {.threads = 2, .prefix_cache_bytes = uint64_t{64} << 20});
  const Ranking expected = plain.MakeRanker().Rank(query_, passages_);
  EXPECT_EQ(expected.cached_tokens, 0);
  for (const bool again : {false, true}) {
    const Ranking ranking = cached.MakeRanker().Rank(query_, passages_);
    EXPECT_EQ(ranking.prompt_tokens, expected.prompt_tokens);
    EXPECT_EQ(ranking.cached_tokens > 0, again);
    ASSERT_EQ(ranking.passages.size(), expected.passages.size());
    for (size_t i = 0; i < ranking.passages.size(); ++i) {
      EXPECT_EQ(ranking.passages[i].index, expected.passages[i].index);
      EXPECT_EQ(ranking.passages[i].score, expected.passages[i].score);
    }
  }
}

TEST_F(EngineTest, StreamsWhatTheModelWrites) {
  const Ranker ranker = Load("listwise").MakeRanker();
  std::string streamed;
  const Ranking ranking = ranker.Rank(
      query_, passages_,
      {.max_new_tokens = 50, .on_text = [&](std::string_view piece) { streamed += piece; }});
  EXPECT_EQ(streamed, ranking.text);
  EXPECT_EQ(ranking.completion_tokens,
            static_cast<int64_t>(golden_.at("card").at("output_ids").size()));
}

TEST_F(EngineTest, AdaptersComeAndGoWhileRankersKeepTheirs) {
  Engine engine = Load("base");
  EXPECT_THAT(engine.Adapters(), IsEmpty());
  const std::string alone = engine.Generate("light bulb", {.max_new_tokens = 12});
  engine.LoadAdapter("mine", (kFlows / "listwise").string());
  EXPECT_THAT(engine.Adapters(), ElementsAre("mine"));
  const std::string adapted = engine.Generate("light bulb", {.max_new_tokens = 12});
  EXPECT_NE(adapted, alone);
  EXPECT_EQ(engine.Generate("light bulb", {.max_new_tokens = 12, .adapter = "base"}), alone);
  const Ranker ranker = engine.MakeRanker({.recipe = "query-likelihood", .adapter = "mine"});
  const Ranking before = ranker.Rank(query_, passages_);

  EXPECT_THROW(engine.LoadAdapter("mine", (kFlows / "listwise").string()), Error);
  EXPECT_THROW(engine.LoadAdapter("base", (kFlows / "listwise").string()), Error);
  EXPECT_THROW(engine.UnloadAdapter(""), Error);
  EXPECT_THROW(engine.UnloadAdapter("base"), Error);
  engine.UnloadAdapter("mine");
  EXPECT_THAT(engine.Adapters(), IsEmpty());
  EXPECT_THROW(engine.UnloadAdapter("mine"), Error);
  EXPECT_THROW(engine.MakeRanker({.adapter = "mine"}), Error);
  const Ranking after = ranker.Rank(query_, passages_);
  for (size_t i = 0; i < before.passages.size(); ++i)
    EXPECT_EQ(after.passages[i].score, before.passages[i].score);
}

TEST_F(EngineTest, GeneratesWithStopsSeedsAndCancellation) {
  const Engine engine = Load("base");
  const std::string whole = engine.Generate("light bulb", {.max_new_tokens = 24});
  ASSERT_GT(whole.size(), 8U);
  const std::string stop = whole.substr(4, 3);
  EXPECT_EQ(engine.Generate("light bulb", {.max_new_tokens = 24, .stop = {stop}}),
            whole.substr(0, whole.find(stop)));
  const auto sample = [&engine](uint64_t seed) {
    return engine.Generate("light bulb", {.max_new_tokens = 24, .temperature = 1, .seed = seed});
  };
  EXPECT_EQ(sample(5), sample(5));
  EXPECT_NE(sample(5), sample(6));
  // Of one token alone, sampling is greedy.
  EXPECT_EQ(engine.Generate("light bulb", {.max_new_tokens = 24, .temperature = 1, .top_k = 1}),
            whole);
  try {
    engine.Generate("light bulb", {.max_new_tokens = 24, .cancel = [] { return true; }});
    ADD_FAILURE() << "was not cancelled";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
}

TEST_F(EngineTest, WeightsInAnotherFormAndBadArguments) {
  const std::string base = (kFlows / "base").string();
  EXPECT_FALSE(Engine::Load(base, {.weights = "int8"})
                   .MakeRanker()
                   .Rank(query_, passages_)
                   .passages.empty());
  EXPECT_THROW(Engine::Load(base, {.weights = "int7"}), Error);
  EXPECT_THROW(Engine::Load((kFlows / "absent").string()), Error);
  EXPECT_THROW(Engine::Load(base).MakeRanker({.recipe = "absent"}), Error);
  EXPECT_THROW(Engine::Load(base).MakeRanker().Rank("", passages_), Error);
}

}  // namespace
}  // namespace dear
