#include "rank/decoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "rank/reranker.h"
#include "rank/testing/fakes.h"

namespace dear {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Refusal(const std::string& recipe, const RankOptions& options) {
  try {
    ChooseDecoding(LoadRecipe(recipe), options);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
  return "";
}

TEST(Decoding, NamesGoBothWays) {
  for (const char* name : {"greedy", "permutation", "first", "constrained", "sample"}) {
    EXPECT_EQ(DecodingName(ParseDecoding(name)), name);
  }
  EXPECT_THROW(ParseDecoding("beam"), Error);
}

TEST(Decoding, IsWhatIsAskedForOrTheRecipes) {
  const auto choice = [](const char* recipe, const RankOptions& options) {
    return ChooseDecoding(LoadRecipe(recipe), options);
  };
  EXPECT_EQ(choice("dear-card", {}).decoding, Decoding::kPermutation);
  EXPECT_EQ(choice("dear-repo", {}).decoding, Decoding::kSample);
  EXPECT_EQ(choice("dear-repo", {}).temperature, 0.5);
  EXPECT_EQ(choice("first", {}).decoding, Decoding::kFirst);
  EXPECT_EQ(choice("dear-repo", {.temperature = 0}).decoding, Decoding::kPermutation);
  EXPECT_EQ(choice("dear-card", {.temperature = 0.7}).decoding, Decoding::kSample);
  EXPECT_EQ(choice("dear-repo", {.decoding = Decoding::kGreedy}).temperature, 0);
  EXPECT_EQ(choice("dear-repo", {.decoding = Decoding::kConstrained}).temperature, 0);
  EXPECT_EQ(choice("dear-card", {.decoding = Decoding::kSample}).temperature, 1);
  EXPECT_EQ(choice("dear-repo", {.decoding = Decoding::kSample}).temperature, 0.5);
  EXPECT_EQ(choice("yes-no", {.decoding = Decoding::kGreedy}).decoding, Decoding::kGreedy);
}

TEST(Decoding, RefusesWhatDoesNotGoTogether) {
  EXPECT_THAT(Refusal("yes-no", {.decoding = Decoding::kPermutation}),
              HasSubstr("'permutation': is for listwise recipes; yes-no is pointwise"));
  EXPECT_THAT(Refusal("query-likelihood", {.decoding = Decoding::kFirst}), HasSubstr("listwise"));
  EXPECT_THAT(Refusal("first", {.decoding = Decoding::kConstrained}), HasSubstr("writes none"));
  EXPECT_THAT(Refusal("dear-card", {.decoding = Decoding::kGreedy, .temperature = 0.3}),
              HasSubstr("temperature"));
  EXPECT_THAT(Refusal("dear-card", {.decoding = Decoding::kFirst, .reasoning = true}),
              HasSubstr("reason"));
  EXPECT_THAT(Refusal("reason-rank", {.decoding = Decoding::kFirst}), HasSubstr("reason"));
}

RankRequest Request(int64_t n) {
  RankRequest request{.qid = "1", .query = "light", .passages = {}};
  for (int64_t i = 0; i < n; ++i) request.passages.push_back({.text = "p" + std::to_string(i)});
  return request;
}

// Any listwise recipe whose ids are tokens ranks by the first of them.
TEST(Decoding, FirstRanksByTheLogitsBehindTheOpenedBracket) {
  const auto model = std::make_shared<testing::FakeLanguageModel>();
  std::string seen;
  model->logits = [&](const std::string& prompt) {
    seen = prompt;
    return std::vector<float>{1, 4, 2, 3};
  };
  const Reranker reranker(model, LoadRecipe("dear-card"));
  const RankResult result = reranker.Rank(Request(4), {.decoding = Decoding::kFirst});
  EXPECT_THAT(result.permutation, ElementsAre(1, 3, 2, 0));
  EXPECT_EQ(result.score_kind, ScoreKind::kLogit);
  EXPECT_EQ(result.text, "[1] > [3] > [2] > [0]");
  EXPECT_TRUE(seen.ends_with("["));
  EXPECT_TRUE(model->continued.empty());
  EXPECT_EQ(model->fake_tokenizer.Decode(model->asked_tokens, true), "0123");
  // "10" is two tokens of this tokenizer.
  try {
    reranker.Rank(Request(11), {.decoding = Decoding::kFirst});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("the identifier '10' is no single token"));
    EXPECT_THAT(error.what(), HasSubstr("--window"));
  }
}

TEST(Decoding, DraftsAndConstraintsGoWithTheAnswersTheyAreFor) {
  const auto model = std::make_shared<testing::FakeLanguageModel>();
  model->answer = [](const std::string&) { return "[0] > [1]"; };
  const Reranker reranker(model, LoadRecipe("dear-card"));
  const auto asked = [&](const RankOptions& options) {
    model->continued.clear();
    reranker.Rank(Request(2), options);
    return std::pair(model->continued.at(0).drafter != nullptr,
                     model->continued.at(0).constraint != nullptr);
  };
  EXPECT_EQ(asked({}), std::pair(true, false));
  EXPECT_EQ(asked({.decoding = Decoding::kPermutation}), std::pair(true, false));
  EXPECT_EQ(asked({.decoding = Decoding::kGreedy}), std::pair(false, false));
  EXPECT_EQ(asked({.decoding = Decoding::kConstrained}), std::pair(true, true));
  EXPECT_EQ(asked({.decoding = Decoding::kSample}), std::pair(false, false));
  EXPECT_GE(model->continued.at(0).temperature, 1);
}

}  // namespace
}  // namespace dear
