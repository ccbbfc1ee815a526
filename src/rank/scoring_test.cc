// Pointwise and query-likelihood ranking over a fake model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>

#include "base/error.h"
#include "rank/reranker.h"
#include "rank/testing/fakes.h"

namespace dear {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

RankRequest Request(std::vector<std::string> texts) {
  RankRequest request;
  request.query = "q";
  for (std::string& text : texts) request.passages.push_back({.text = std::move(text)});
  return request;
}

std::shared_ptr<testing::FakeLanguageModel> Classifier() {
  auto model = std::make_shared<testing::FakeLanguageModel>();
  model->score_head = true;
  model->logits = [](const std::string& prompt) {
    return std::vector<float>{static_cast<float>(std::count(prompt.begin(), prompt.end(), '!')), 7};
  };
  return model;
}

TEST(Pointwise, ScoresAreTheLogitOfThePairAtItsLastToken) {
  auto model = Classifier();
  const Reranker reranker(model, LoadRecipe("dear-pointwise-card"));
  const RankResult result = reranker.Rank(Request({"a!", "b!!!", "c", "d!"}));
  EXPECT_THAT(result.scores, ElementsAre(1, 3, 0, 1));
  EXPECT_THAT(result.permutation, ElementsAre(1, 0, 3, 2));  // equal scores in input order
  EXPECT_EQ(result.score_kind, ScoreKind::kLogit);
  const auto& prompt = model->classified.at(0);
  EXPECT_EQ(model->fake_tokenizer.Decode(prompt, false), "<bos>query: q<bos>document:  a!");
  EXPECT_EQ(model->classified_at.at(0), static_cast<int64_t>(prompt.size()) - 1);
}

TEST(Pointwise, TitlesAndTruncation) {
  auto model = Classifier();
  const Reranker reranker(model, LoadRecipe("dear-pointwise-card"));
  RankRequest request = Request({std::string(500, 'x')});
  request.passages[0].title = "T";
  reranker.Rank(request);
  EXPECT_EQ(model->classified.at(0).size(), 228U);
  EXPECT_THAT(model->fake_tokenizer.Decode(model->classified.at(0), false),
              ::testing::StartsWith("<bos>query: q<bos>document: T xxx"));
  model->positions = 40;
  reranker.Rank(request);
  EXPECT_EQ(model->classified.at(1).size(), 40U);
}

TEST(Pointwise, OtherLabelsAndSigmoid) {
  Recipe recipe = LoadRecipe("dear-pointwise-card");
  recipe.score.label = 1;
  recipe.score.transform = ScoreTransform::kSigmoid;
  const RankResult result = Reranker(Classifier(), recipe).Rank(Request({"a", "b"}));
  EXPECT_FLOAT_EQ(result.scores[0], 1 / (1 + std::exp(-7.0F)));
  EXPECT_EQ(result.score_kind, ScoreKind::kProbability);
  recipe.score.label = 2;
  EXPECT_THROW(Reranker(Classifier(), recipe).Rank(Request({"a"})), Error);
}

TEST(Pointwise, ManyPassagesAreScoredInOrder) {
  auto model = Classifier();
  model->logits = [](const std::string& prompt) {
    return std::vector<float>{
        static_cast<float>(std::atoi(prompt.c_str() + prompt.rfind(' ') + 1))};
  };
  std::vector<std::string> texts;
  texts.reserve(10000);
  for (int i = 0; i < 10000; ++i) texts.push_back(std::to_string(i));
  int64_t last_done = 0;
  RankOptions options;
  options.progress = [&](std::string_view, int64_t done, int64_t total) {
    EXPECT_GT(done, last_done);
    EXPECT_EQ(total, 10000);
    last_done = done;
  };
  const RankResult result =
      Reranker(model, LoadRecipe("dear-pointwise-card")).Rank(Request(texts), options);
  ASSERT_EQ(result.permutation.size(), 10000U);
  for (int64_t i = 0; i < 10000; ++i)
    EXPECT_EQ(result.permutation[static_cast<size_t>(i)], 9999 - i);
  EXPECT_EQ(last_done, 10000);
}

TEST(Pointwise, ANumberThatIsNoneIsAnError) {
  auto model = Classifier();
  model->logits = [](const std::string&) {
    return std::vector<float>{std::numeric_limits<float>::quiet_NaN()};
  };
  EXPECT_THROW(Reranker(model, LoadRecipe("dear-pointwise-card")).Rank(Request({"a"})), Error);
}

std::shared_ptr<testing::FakeLanguageModel> Answers(std::vector<float> logits) {
  auto model = std::make_shared<testing::FakeLanguageModel>();
  model->logits = [logits](const std::string&) { return logits; };
  return model;
}

TEST(Pointwise, TheLastSlotIsPooledWhateverStandsThere) {
  auto model = Classifier();
  const RankResult result = Reranker(model, LoadRecipe("dear-pointwise-repo"))
                                .Rank(Request({"a!", std::string(500, 'x')}));
  EXPECT_THAT(result.scores, ElementsAre(1, 0));
  EXPECT_EQ(model->fake_tokenizer.Decode(model->classified.at(0), false),
            "<bos>query: q<bos>document:  a!");
  EXPECT_THAT(model->classified_at, ElementsAre(227, 227));
  EXPECT_EQ(model->classified.at(1).size(), 1U + 8 + 1 + 193);
}

TEST(Pointwise, TokensGiveLogitDifferenceOrProbability) {
  const RankResult yes = Reranker(Answers({2}), LoadRecipe("bge-gemma")).Rank(Request({"a"}));
  EXPECT_THAT(yes.scores, ElementsAre(2));
  EXPECT_EQ(yes.score_kind, ScoreKind::kLogit);
  const RankResult one = Reranker(Answers({2, 0.5F}), LoadRecipe("mxbai-v2")).Rank(Request({"a"}));
  EXPECT_THAT(one.scores, ElementsAre(1.5F));
  Recipe yes_no = LoadRecipe("yes-no");
  yes_no.score.positive = "Y";  // the fake tokenizer knows single characters
  yes_no.score.negative = "N";
  const RankResult p = Reranker(Answers({2, 0.5F}), yes_no).Rank(Request({"a"}));
  EXPECT_FLOAT_EQ(p.scores[0], 1 / (1 + std::exp(-1.5F)));
  EXPECT_EQ(p.score_kind, ScoreKind::kProbability);
}

// Probabilities that are equal in f32 are told apart by their logits.
TEST(Pointwise, SureAnswersKeepTheirOrder) {
  auto model = std::make_shared<testing::FakeLanguageModel>();
  model->logits = [](const std::string& prompt) {
    return std::vector<float>{prompt.find("better") < prompt.size() ? 60.0F : 50.0F, 0};
  };
  const RankResult result =
      Reranker(model, LoadRecipe("mxbai-v2")).Rank(Request({"good", "better"}));
  EXPECT_THAT(result.permutation, ElementsAre(1, 0));
  Recipe sure = LoadRecipe("mxbai-v2");
  sure.score.transform = ScoreTransform::kSigmoid;
  const RankResult same = Reranker(model, sure).Rank(Request({"good", "better"}));
  EXPECT_EQ(same.scores[0], same.scores[1]);
  EXPECT_THAT(same.permutation, ElementsAre(1, 0));
}

TEST(Pointwise, InstructionsTakeTheirPlace) {
  auto model = Answers({1, 0});
  const auto prompt_of = [&](const char* recipe, const char* instruction) {
    RankOptions options;
    options.trace = true;
    options.instruction = instruction;
    return Reranker(model, LoadRecipe(recipe))
        .Rank(Request({"{query}"}), options)
        .trace.prompts.at(0);
  };
  EXPECT_THAT(prompt_of("mxbai-v2", ""), HasSubstr("user\nquery: q\ndocument: {query}\nYou"));
  EXPECT_THAT(prompt_of("mxbai-v2", "Be {query}"),
              HasSubstr("user\ninstruction: Be {query}\nquery: q\ndocument: {query}\n"));
  EXPECT_TRUE(LoadRecipe("mxbai-v2").TakesInstruction());
  EXPECT_TRUE(LoadRecipe("qwen3-reranker").TakesInstruction());
  EXPECT_FALSE(LoadRecipe("bge-gemma").TakesInstruction());
}

TEST(Pointwise, PartsGiveWayWhereTheRecipeSaysSo) {
  auto model = Answers({1});
  model->positions = 400;
  const Recipe recipe = LoadRecipe("bge-gemma");
  RankRequest request = Request({std::string(1U << 20, 'p')});
  Reranker(model, recipe).Rank(request);
  EXPECT_EQ(model->classified.at(0).size(), 400U);
  const std::string text = model->fake_tokenizer.Decode(model->classified[0], false);
  EXPECT_TRUE(text.starts_with("<bos>A: q\nB: ppp"));
  EXPECT_TRUE(text.ends_with("'Yes' or 'No'."));
  // A query that leaves no room is an error, not a silent cut of the question.
  model->positions = 150;
  EXPECT_THROW(Reranker(model, recipe).Rank(request), Error);
  Recipe plain = LoadRecipe("yes-no");
  plain.score.positive = "Y";
  plain.score.negative = "N";
  model->logits = [](const std::string&) { return std::vector<float>{1, 0}; };
  plain.passage.cut = {};
  const RankResult shortened = Reranker(model, plain).Rank(request);
  EXPECT_THAT(shortened.notes, ElementsAre(HasSubstr("1 passages were shortened")));
  EXPECT_EQ(model->classified.back().size(), 150U);
}

TEST(Pointwise, AnswersMustBeTwoTokens) {
  Recipe recipe = LoadRecipe("mxbai-v2");
  recipe.score.negative = "11";
  EXPECT_THROW(Reranker(Answers({1, 0}), recipe), Error);
  recipe = LoadRecipe("qwen3-reranker");  // "yes" is no token of the fake tokenizer
  EXPECT_THROW(Reranker(Answers({1, 0}), recipe), Error);
}

TEST(Pointwise, RecipeAndHeadMustFit) {
  auto causal = std::make_shared<testing::FakeLanguageModel>();
  EXPECT_THROW(Reranker(causal, LoadRecipe("dear-pointwise-card")), Error);
  EXPECT_THROW(Reranker(Classifier(), LoadRecipe("query-likelihood")), Error);
  EXPECT_THROW(Reranker(nullptr, LoadRecipe("query-likelihood")), Error);
}

std::shared_ptr<testing::FakeLanguageModel> Likely() {
  auto model = std::make_shared<testing::FakeLanguageModel>();
  // A token is likely where the passage holds it.
  model->log_probability = [](const std::string& prompt, const std::string& token) {
    const std::string passage = prompt.substr(9, prompt.find("\nPlease") - 9);
    return passage.find(token) == std::string::npos ? -4.0F : -1.0F;
  };
  return model;
}

TEST(QueryLikelihood, IsTheMeanLogProbabilityOfTheQuery) {
  auto model = Likely();
  RankRequest request = Request({"x x", "a b\t c", "a x"});
  request.query = "abc";
  const RankResult result =
      Reranker(model, LoadRecipe("query-likelihood")).Rank(request, {.trace = true});
  EXPECT_THAT(result.permutation, ElementsAre(1, 2, 0));
  EXPECT_FLOAT_EQ(result.scores[1], -1);
  EXPECT_FLOAT_EQ(result.scores[2], (-1 - 1 - 4 - 4) / 4.0F);  // " abc"
  EXPECT_EQ(result.score_kind, ScoreKind::kLogLikelihood);
  EXPECT_EQ(result.trace.prompts.at(1),
            "Passage: a b c\nPlease write a question based on this passage.\nQuestion:");
  EXPECT_EQ(model->scored.at(0).prompt.front(), testing::FakeTokenizer::kBos);
  EXPECT_EQ(model->fake_tokenizer.Decode(model->scored.at(0).continuation, false), " abc");
}

TEST(QueryLikelihood, PassagesAreCutAtWords) {
  auto model = Likely();
  std::string words;
  for (int i = 0; i < 200; ++i) words.append("w").append(std::to_string(i)).append("  ");
  const RankResult result =
      Reranker(model, LoadRecipe("query-likelihood")).Rank(Request({words}), {.trace = true});
  EXPECT_THAT(result.trace.prompts.at(0), HasSubstr(" w178 w179\nPlease"));
}

TEST(QueryLikelihood, ALongPassageShrinksAndALongQueryIsRefused) {
  auto model = Likely();
  model->positions = 200;
  const Reranker reranker(model, LoadRecipe("query-likelihood"));
  RankRequest request = Request({std::string(1 << 20, 'x'), "short"});
  const RankResult result = reranker.Rank(request);
  EXPECT_EQ(model->scored.at(0).prompt.size() + model->scored.at(0).continuation.size(), 200U);
  ASSERT_EQ(result.notes.size(), 1U);
  EXPECT_THAT(result.notes[0], HasSubstr("1 passages were shortened"));
  request.query = std::string(300, 'q');
  EXPECT_THROW(reranker.Rank(request), Error);
}

TEST(Scoring, RequestsShareCallsAndRankAsAlone) {
  auto model = Likely();
  const Reranker reranker(model, LoadRecipe("query-likelihood"));
  std::vector<RankRequest> requests;
  for (int i = 0; i < 9; ++i) {
    std::vector<std::string> texts;
    for (int p = 0; p < i; ++p) texts.push_back(std::string(static_cast<size_t>(p % 4), 'x') + "z");
    requests.push_back(Request(std::move(texts)));
    requests.back().query = "q" + std::to_string(i);
  }
  requests[3].query = " ";
  std::vector<RankCall> calls;
  RankOptions options{.trace = true};
  options.on_call = [&](const RankCall& call) { calls.push_back(call); };
  const std::vector<RankOutcome> outcomes = reranker.RankAll(requests, options);
  // 0 + 1 + … + 8 passages in two calls, but for those of the query that is empty.
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls[0].prompts, 18);
  EXPECT_EQ(calls[1].prompts, 15);
  ASSERT_EQ(outcomes.size(), requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    ASSERT_EQ(outcomes[i].error.has_value(), i == 3);
    if (i == 3) continue;
    const RankResult alone = reranker.Rank(requests[i], {.trace = true});
    EXPECT_EQ(outcomes[i].result.scores, alone.scores);
    EXPECT_EQ(outcomes[i].result.permutation, alone.permutation);
    EXPECT_EQ(outcomes[i].result.trace.prompts, alone.trace.prompts);
    EXPECT_EQ(outcomes[i].result.usage.prompt_tokens, alone.usage.prompt_tokens);
  }
}

TEST(Scoring, WhatFailsInTheModelCostsNoOther) {
  auto model = Classifier();
  model->logits = [](const std::string& prompt) -> std::vector<float> {
    if (prompt.find("bad") != std::string::npos)
      throw Error(ErrorCode::kInternal, "model", "cannot do this");
    return {static_cast<float>(prompt.size()), 0};
  };
  const Reranker reranker(model, LoadRecipe("dear-pointwise-card"));
  const std::vector<RankRequest> requests = {Request({"a", "bb"}), Request({"c", "bad", "d"}),
                                             Request({"ee", "f"})};
  const std::vector<RankOutcome> outcomes = reranker.RankAll(requests);
  EXPECT_THAT(outcomes[0].result.permutation, ElementsAre(1, 0));
  EXPECT_TRUE(outcomes[1].error.has_value());
  EXPECT_THAT(outcomes[2].result.permutation, ElementsAre(0, 1));
}

TEST(QueryLikelihood, InvalidUtf8IsRepaired) {
  auto model = Likely();
  const RankResult result = Reranker(model, LoadRecipe("query-likelihood"))
                                .Rank(Request({"a\xFFz", "\xF0\x9F"}), {.trace = true});
  EXPECT_THAT(result.trace.prompts.at(0), HasSubstr("Passage: a\xEF\xBF\xBDz\n"));
}

}  // namespace
}  // namespace dear
