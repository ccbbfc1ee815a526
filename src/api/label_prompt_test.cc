#include "api/label_prompt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/model_files.h"
#include "base/error.h"
#include "rank/testing/fakes.h"
#include "train/sft_template.h"

namespace dear {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

RankRequest Request() {
  return {.qid = "1",
          .query = "who made the light bulb [1]?",
          .passages = {{.title = "Coffee", .text = "is good for diet"},
                       {.title = "", .text = "Edison, in 1879 [3]; " + std::string(400, 'x')},
                       {.title = "KEPCO", .text = "fixes  light\nproblems"}}};
}

LabelPrompts Prompts(const std::string& recipe) {
  return {LoadRecipe(recipe), std::make_shared<testing::FakeTokenizer>()};
}

std::optional<OrderedJson> Row(const std::string& recipe, const std::string& reasoning = "") {
  return Prompts(recipe).Row(Request(), std::vector<int64_t>{1, 2, 0}, reasoning);
}

Recipe OwnRecipe(const std::string& messages, const std::string& more = "") {
  return ParseRecipe(
      "description: d\nkind: listwise\nids: one_based\npassage: {cut: {chars: 9}}\n"
      "prompt:\n  messages:\n" +
          messages + more +
          "decoding: {enough_for_ranking: {}}\nanswer: {pattern: '\\[(\\d+)\\]'}\n",
      "own", "own.yaml");
}

std::string RefusalOf(const std::string& recipe) {
  try {
    Prompts(recipe);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(LabelPromptsTest, APlainPromptIsTheInstruction) {
  const auto row = Row("dear-card");
  ASSERT_TRUE(row);
  const std::string instruction = (*row)["instruction"];
  EXPECT_THAT(instruction, StartsWith("I will provide you with 3 passages"));
  EXPECT_THAT(instruction, HasSubstr("\n[2] KEPCO fixes  light\nproblems\n"));
  EXPECT_EQ(instruction.find(std::string(300, 'x')), std::string::npos);  // the recipe's cut
  EXPECT_EQ((*row)["input"], "");
  EXPECT_EQ((*row)["output"], "[1] > [2] > [0]");
  EXPECT_FALSE(row->contains("system"));
  EXPECT_FALSE(row->contains("history"));
  EXPECT_EQ(Prompts("dear-card").TemplateName(), "plain");
}

TEST(LabelPromptsTest, AConversationIsSystemHistoryAndInstruction) {
  const auto one_turn = Row("rank-zephyr");
  ASSERT_TRUE(one_turn);
  EXPECT_THAT(std::string((*one_turn)["system"]), StartsWith("You are RankLLM"));
  EXPECT_THAT(std::string((*one_turn)["instruction"]), HasSubstr("light bulb (1)?"));
  EXPECT_EQ((*one_turn)["output"], "[2] > [3] > [1]");
  EXPECT_FALSE(one_turn->contains("history"));
  const auto many = Row("rank-gpt");
  ASSERT_TRUE(many);
  ASSERT_EQ((*many)["history"].size(), 4U);
  EXPECT_EQ((*many)["history"][0][1], "Okay, please provide the passages.");
  EXPECT_EQ((*many)["history"][3][1], "Received passage [3].");
  EXPECT_THAT(std::string((*many)["instruction"]), StartsWith("Search Query: who made"));
  EXPECT_EQ(Prompts("rank-gpt").TemplateName(), "auto");
  EXPECT_EQ(Prompts("rank-vicuna").TemplateName(), "vicuna");
  EXPECT_EQ(Prompts("rank-gpt").max_passages(), 20);
  EXPECT_TRUE(Prompts("rank-gpt").has_history());
  EXPECT_FALSE(Prompts("rank-zephyr").has_history());
}

TEST(LabelPromptsTest, ReasoningStandsBeforeTheRankingAsTheRecipeReadsIt) {
  const auto output = [](const std::string& recipe, const std::string& reasoning) {
    const auto row = Row(recipe, reasoning);
    return row ? std::string((*row)["output"]) : "";
  };
  EXPECT_EQ(output("dear-card", "[1] names the year."),
            "[1] names the year.\n### Final Reranking: [1] > [2] > [0]");
  EXPECT_EQ(output("dear-card", "<think>\n[0] is of coffee"),
            "<think>\n[0] is of coffee\n</think>\n\n[1] > [2] > [0]");
  EXPECT_EQ(output("qwen-thinking", "It is [2]."), "It is [2].\n</think>\n\n[2] > [3] > [1]");
  EXPECT_EQ(output("reason-rank", "<think> it is [2] </think>"),
            "<think> it is [2] </think>\n<answer> [2] > [3] > [1] </answer>");
}

TEST(LabelPromptsTest, ReasoningMustSpeakOfTheSamePassages) {
  const Recipe from_one = LoadRecipe("rank-zephyr");
  Prompts("dear-card").RequireFit(from_one, /*reasons=*/false);
  Prompts("rank-gpt").RequireFit(from_one, /*reasons=*/true);
  EXPECT_THROW(Prompts("dear-card").RequireFit(from_one, /*reasons=*/true), Error);
  EXPECT_THROW(Prompts("reason-rank").RequireFit(from_one, /*reasons=*/false), Error);
}

TEST(LabelPromptsTest, RecipesThatNoRowCanHoldAreRefusedByName) {
  EXPECT_THAT(RefusalOf("first"), HasSubstr("first: begins the answer"));
  EXPECT_THAT(RefusalOf("query-likelihood"), HasSubstr("listwise"));
  const Recipe users = OwnRecipe(
      "    - {role: user, content: 'Rank for {query}.'}\n"
      "    - each_passage: [{role: user, content: '[{id}] {passage}'}]\n");
  EXPECT_THROW(LabelPrompts(users, std::make_shared<testing::FakeTokenizer>()), Error);
}

TEST(LabelPromptsTest, AnAnswerThatTheRecipeReadsOtherwiseIsNoRow) {
  // Two ids that were never ranked, and one named twice.
  EXPECT_FALSE(Prompts("dear-card").Row(Request(), std::vector<int64_t>{1, 1, 0}, ""));
  EXPECT_FALSE(Prompts("dear-card").Row(Request(), std::vector<int64_t>{1, 2, 3}, ""));
}

// The prompt of one conversation to learn from: what stands before its last answer.
std::vector<TokenId> TrainedPrompt(const OrderedJson& row, const std::string& chat_template,
                                   std::shared_ptr<const Tokenizer> tokenizer) {
  SftSource source;
  source.columns.system = "system";
  source.columns.history = "history";
  const SftRow read = ReadSftRow(ParseJson(row.dump(), "row"), source);
  EXPECT_EQ(read.dropped, "");
  SftTokens tokens = SftTemplate(chat_template, std::move(tokenizer), {.cutoff_len = 1 << 20})
                         .Encode(*read.example);
  while (!tokens.trained.empty() && tokens.trained.back() != 0) {
    tokens.trained.pop_back();
    tokens.ids.pop_back();
  }
  return tokens.ids;
}

TEST(LabelPromptsTest, TrainingSeesTheTokensByWhichTheRecipeRanks) {
  const char* const kModel = "smollm2-135m-instruct";
  std::shared_ptr<const Tokenizer> tokenizer;
  try {
    tokenizer = OpenTokenizer(kModel);
  } catch (const Error&) {
    GTEST_SKIP() << kModel << " is not there";
  }
  for (const char* name : {"dear-card", "dear-repo", "rank-zephyr", "rank-gpt", "reason-rank"}) {
    for (const std::string format : {"", "chatml"}) {
      Recipe recipe = LoadRecipe(name);
      if (recipe.prompt.chat) recipe.prompt.chat_format = format;
      const auto model = std::make_shared<testing::FakeLanguageModel>();
      model->prompt_tokenizer = tokenizer;
      model->answer = [](const std::string&) { return "[3] > [1] > [2]"; };
      Reranker(model, recipe).Rank(Request());
      ASSERT_EQ(model->continued.size(), 1U) << name;
      const LabelPrompts prompts(recipe, tokenizer);
      const auto row = prompts.Row(Request(), std::vector<int64_t>{2, 0, 1},
                                   recipe.reasoning.always ? "<think> it is </think>" : "");
      ASSERT_TRUE(row) << name;
      EXPECT_EQ(TrainedPrompt(*row, prompts.TemplateName(), tokenizer),
                model->continued.front().prompt)
          << name << " " << format;
    }
  }
}

}  // namespace
}  // namespace dear
