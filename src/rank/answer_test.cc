#include "rank/answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <sstream>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "rank/id_pattern.h"

namespace dear {
namespace {

using ::testing::ElementsAre;

bool IsPermutation(std::vector<int64_t> order, int64_t n) {
  std::ranges::sort(order);
  for (int64_t i = 0; i < n; ++i) {
    if (i >= static_cast<int64_t>(order.size()) || order[static_cast<size_t>(i)] != i) return false;
  }
  return static_cast<int64_t>(order.size()) == n;
}

TEST(Answer, AgreesWithTheReferenceParsers) {
  std::istringstream lines(
      ReadFile(std::string(DEAR_SOURCE_DIR) + "/tests/golden/rank/answers.jsonl"));
  int cases = 0;
  for (std::string line; std::getline(lines, line); ++cases) {
    const Json golden = ParseJson(line, "answers.jsonl");
    const Recipe recipe = LoadRecipe(golden.at("recipe"));
    const ParsedAnswer answer = ParseAnswer(recipe, golden.at("text").get<std::string>(),
                                            golden.at("n"), golden.at("reasoning"));
    EXPECT_EQ(answer.order, golden.at("order").get<std::vector<int64_t>>()) << line;
    EXPECT_EQ(RepairName(answer.repair), golden.at("repair").get<std::string>()) << line;
  }
  EXPECT_GT(cases, 600);
}

TEST(Answer, AnyBytesGiveAPermutation) {
  std::mt19937 random(7);  // seeded: the same bytes in every run
  const std::string alphabet = "[]>0123456789 \nA\xF0\x9F\x98\x80\xFF</think>###";
  for (const char* name : {"dear-card", "dear-repo"}) {
    const Recipe recipe = LoadRecipe(name);
    for (int round = 0; round < 2000; ++round) {
      std::string text;
      for (uint32_t i = random() % 60; i > 0; --i) {
        text += round % 2 == 0 ? alphabet[random() % alphabet.size()] : static_cast<char>(random());
      }
      const auto n = static_cast<int64_t>(random() % 12);
      EXPECT_TRUE(IsPermutation(ParseAnswer(recipe, text, n, round % 3 == 0).order, n)) << text;
    }
  }
}

TEST(Answer, TenThousandPassages) {
  std::string text;
  for (int i = 9999; i >= 0; --i) {
    text += text.empty() ? "[" : " > [";
    text += std::to_string(i);
    text += ']';
  }
  const ParsedAnswer answer = ParseAnswer(LoadRecipe("dear-card"), text, 10000, false);
  EXPECT_EQ(answer.repair, Repair::kOk);
  EXPECT_EQ(answer.order.front(), 9999);
  EXPECT_TRUE(IsPermutation(answer.order, 10000));
}

TEST(Answer, Letters) {
  Recipe recipe = LoadRecipe("dear-card");
  recipe.ids = IdStyle::kLetters;
  recipe.answer.pattern = R"(\[([A-Z]+)\])";
  const ParsedAnswer answer = ParseAnswer(recipe, "[C] > [A] > [B]", 3, false);
  EXPECT_THAT(answer.order, ElementsAre(2, 0, 1));
  EXPECT_EQ(answer.repair, Repair::kOk);
}

TEST(Answer, ReasoningKeepsWhatStoodBeforeTheRanking) {
  const ParsedAnswer answer = ParseAnswer(
      LoadRecipe("dear-card"), "<think>a</think> b\n### Final Reranking: [1] > [0]", 2, true);
  EXPECT_EQ(answer.ranking, "[1] > [0]");
  EXPECT_EQ(answer.reasoning, "<think>a</think> b");
}

TEST(IdPattern, IdsThereAndBack) {
  for (const IdStyle style : {IdStyle::kZeroBased, IdStyle::kOneBased, IdStyle::kLetters}) {
    for (int64_t i = 0; i < 2000; ++i) EXPECT_EQ(IdIndex(style, IdText(style, i)), i);
  }
  EXPECT_EQ(IdText(IdStyle::kLetters, 26), "AA");
  EXPECT_EQ(IdIndex(IdStyle::kOneBased, "0"), -1);
  EXPECT_EQ(IdIndex(IdStyle::kZeroBased, ""), -1);
  EXPECT_EQ(IdIndex(IdStyle::kZeroBased, "1a"), -1);
  EXPECT_EQ(IdIndex(IdStyle::kLetters, "a"), -1);
  EXPECT_EQ(IdIndex(IdStyle::kLetters, std::string(100, 'Z')), -1);
  EXPECT_EQ(IdIndex(IdStyle::kZeroBased, "9223372036854775807"), -1);
}

TEST(IdPattern, OddPatterns) {
  EXPECT_THAT(IdPattern("x*").FindAll("axxb"), ElementsAre("", "xx", "", ""));
  EXPECT_THAT(IdPattern("(a)|b").FindAll("ab"), ElementsAre("a", "b"));
  EXPECT_THAT(IdPattern("").FindAll("\xF0\x9F\x98\x80"), ElementsAre("", ""));
  EXPECT_THROW(IdPattern("(("), Error);
  EXPECT_THROW(IdPattern("(x+x+)+(y|z)").FindAll(std::string(5000, 'x')), Error);
}

}  // namespace
}  // namespace dear
