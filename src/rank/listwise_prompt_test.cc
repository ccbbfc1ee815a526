// Prompts that must be cut until they fit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "rank/reranker.h"
#include "rank/testing/listwise_fakes.h"

namespace dear {
namespace {

using testing::Answering;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::Numbered;

TEST(ListwisePrompts, PassagesShrinkUntilTheAnswerFits) {
  auto model = Answering("[1] > [0] > [2]");
  model->positions = 700;
  RankRequest request;
  request.query = "q";
  request.passages = {
      {.text = std::string(300, 'a')}, {.text = std::string(300, 'b')}, {.text = "c"}};
  const RankResult result = Reranker(model, LoadRecipe("dear-card")).Rank(request, {.trace = true});
  EXPECT_LE(model->continued.at(0).prompt.size(), 650U);
  EXPECT_GE(model->continued.at(0).prompt.size(), 600U);
  EXPECT_THAT(result.trace.prompts[0],
              ::testing::EndsWith("Output the ranking as a list of numbers."));
  ASSERT_EQ(result.notes.size(), 1U);
  EXPECT_THAT(result.notes[0], HasSubstr("passages were cut to"));
  model->positions = 40;  // less than the answer alone
  EXPECT_THROW(Reranker(model, LoadRecipe("dear-card")).Rank(request), Error);
  model->positions = 300;
  EXPECT_THROW(Reranker(model, LoadRecipe("dear-card")).Rank(request), Error);
}

TEST(ListwisePrompts, WordsGoUntilThePromptFits) {
  auto model = Answering("[2] > [1]");
  Recipe recipe = LoadRecipe("rank-zephyr");
  recipe.prompt.chat_format = "zephyr";
  recipe.prompt.context = 2000;
  RankRequest request = Numbered(2);
  std::string words;
  for (int i = 0; i < 5000; ++i) words += "wort \xF0\x9F\x98\x80 ";
  request.passages[0].text = words;
  RankResult result = Reranker(model, recipe).Rank(request, {.trace = true});
  const auto fits = [&](const RankResult& ranked) {
    // The ranking takes nine tokens of the fake tokenizer.
    return ranked.trace.prompt_ids.at(0).size() <= 2000U - 9;
  };
  EXPECT_TRUE(fits(result));
  EXPECT_THAT(result.notes.at(0), HasSubstr(" words: the prompt must leave"));
  // A megabyte without a blank is one word; its characters go.
  request.passages[0].text.clear();
  for (int i = 0; i < 350000; ++i) request.passages[0].text += "\xE6\xBC\xA2";
  result = Reranker(model, recipe).Rank(request, {.trace = true});
  EXPECT_TRUE(fits(result));
  EXPECT_THAT(result.notes.at(0), HasSubstr(" characters: the prompt must leave"));
  EXPECT_GT(result.trace.prompt_ids.at(0).size(), 1900U);
  recipe.prompt.context = 400;
  EXPECT_THROW(Reranker(model, recipe).Rank(request), Error);
}

// Room to reason is room in the model, not in the recipe's context, which may be the smaller one.
TEST(ListwisePrompts, WhatDoesNotFitNamesTheSmallerContext) {
  auto model = Answering("[2] > [1]");
  Recipe recipe = LoadRecipe("qwen-thinking");
  recipe.prompt.chat_format = "chatml";
  const auto outcome = [&](int64_t words) {
    RankRequest request = Numbered(2);
    for (int64_t i = 0; i < words; ++i) request.passages[0].text += " word";
    try {
      return Reranker(model, recipe).Rank(request).notes.at(0);
    } catch (const Error& error) {
      return std::string(error.what());
    }
  };
  EXPECT_THAT(outcome(5000), EndsWith(": the prompt must leave 9 of the 4096 tokens of the "
                                      "recipe's context for the answer"));
  recipe.prompt.context = 1000;
  EXPECT_THAT(outcome(0), EndsWith("an answer of 9 tokens do not fit the recipe's context of 1000 "
                                   "tokens even without passages; rank in smaller windows "
                                   "(--window)"));
  recipe.prompt.context = 4096;
  model->positions = 10009 + 3500;
  EXPECT_THAT(outcome(5000), EndsWith(": the prompt must leave 10009 of the 13509 tokens of the "
                                      "model's context for the answer"));
  model->positions = 8192;
  EXPECT_THAT(outcome(0), HasSubstr("an answer of 10009 tokens do not fit the model's context of "
                                    "8192 tokens"));
}

TEST(ListwisePrompts, WordsAreForANumberOfPassages) {
  auto model = Answering("");
  Recipe recipe = LoadRecipe("rank-zephyr");
  recipe.prompt.chat_format = "zephyr";
  recipe.prompt.context = 0;
  RankRequest request = Numbered(4);
  for (int i = 0; i < 5000; ++i) request.passages[0].text += " w";
  const auto words_in = [&](const RankOptions& options) {
    const RankResult result = Reranker(model, recipe).Rank(request, options);
    const std::string& prompt = result.trace.prompts.at(0);
    size_t count = 0;
    for (size_t at = prompt.find(" w "); at < prompt.size(); at = prompt.find(" w ", at + 1))
      ++count;
    return count;
  };
  EXPECT_NEAR(static_cast<double>(words_in({.trace = true})), 1500, 3);
  EXPECT_NEAR(static_cast<double>(words_in({.trace = true, .max_passage_words = 50})), 50, 3);
}

}  // namespace
}  // namespace dear
