#include "rank/answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include <algorithm>
#include <random>
#include <sstream>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "rank/id_pattern.h"
#include "rank/testing/permutations.h"

namespace dear {
namespace {

using ::testing::ElementsAre;
using testing::IsPermutation;

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

// A megabyte of digits is one id that is none; of ids, each counts once.
TEST(Answer, AMegabyteOfDigits) {
  for (const char* name : {"dear-repo", "rank-zephyr", "rank-alpha", "rank-gpt", "reason-rank"}) {
    const Recipe recipe = LoadRecipe(name);
    const ParsedAnswer one = ParseAnswer(recipe, std::string(1U << 20, '7'), 20, false);
    EXPECT_NE(one.repair, Repair::kOk) << name;
    EXPECT_TRUE(IsPermutation(one.order, 20));
    std::string many;
    while (many.size() < (1U << 20)) many += "[3] > [1] > [B] ";
    EXPECT_TRUE(IsPermutation(ParseAnswer(recipe, many, 20, true).order, 20)) << name;
  }
}

TEST(Answer, TextsAroundTheAnswerAreLeftOut) {
  Recipe recipe = LoadRecipe("dear-repo");
  recipe.answer.after = {};
  recipe.answer.after_last = {"</think>"};
  recipe.answer.before = {"end"};
  EXPECT_THAT(ParseAnswer(recipe, "a</think>[1]</THINK>[3] END [2]", 3, false).order,
              ElementsAre(2, 0, 1));
  recipe.answer.fold_digits = true;
  EXPECT_THAT(ParseAnswer(recipe, "[\xE2\x91\xA2] [\xC2\xB2]", 3, false).order,
              ElementsAre(2, 1, 0));
}

TEST(IdPattern, PatternsThatGoOnForEverAreStopped) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THROW(IdPattern("(a+)+$").FindAll(std::string(100000, 'a') + "b"), Error);
  EXPECT_THROW(IdPattern("(.*)*x").Matches(std::string(1U << 20, 'a')), Error);
  // Each place is tried quickly, all of them never.
  EXPECT_THROW(IdPattern("a*b|a").FindAll(std::string(200000, 'a')), Error);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
}

TEST(IdPattern, MatchesAreFoundFarApart) {
  std::string text = "1" + std::string(5000, ' ') + "\xF0\x9F\x98\x80";
  for (int i = 0; i < 3000; ++i) text += "\xE6\xBC\xA2";
  text += "22";
  EXPECT_THAT(IdPattern("\\d+").FindAll(text), ElementsAre("1", "22"));
  EXPECT_TRUE(IdPattern("^1[^2]*22$").Matches(text));
  EXPECT_FALSE(IdPattern("1").Matches(text));
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
