#include "rank/text_rule.h"

#include <gtest/gtest.h>

#include <sstream>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "rank/prompt.h"
#include "rank/testing/fakes.h"

namespace dear {
namespace {

const std::string kGoldens = std::string(DEAR_SOURCE_DIR) + "/tests/golden/rank/";

std::string FromHex(const std::string& hex) {
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    out.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return out;
}

TEST(TextRule, CutsAsPythonDoes) {
  const testing::FakeTokenizer tokenizer;
  std::istringstream lines(ReadFile(kGoldens + "texts.jsonl"));
  int cases = 0;
  for (std::string line; std::getline(lines, line); ++cases) {
    const Json golden = ParseJson(line, "texts.jsonl");
    TextRule rule;
    rule.cut = golden.contains("chars") ? TextCut{CutUnit::kChars, golden.at("chars")}
                                        : TextCut{CutUnit::kWords, golden.at("words")};
    EXPECT_EQ(ApplyTextRule(rule, FromHex(golden.at("hex")), tokenizer),
              golden.at("out").get<std::string>())
        << line;
  }
  EXPECT_GT(cases, 500);
}

TEST(TextRule, PromptsAreTheReferences) {
  testing::FakeTokenizer tokenizer;
  std::istringstream lines(ReadFile(kGoldens + "prompts.jsonl"));
  int cases = 0;
  for (std::string line; std::getline(lines, line); ++cases) {
    const Json golden = ParseJson(line, "prompts.jsonl");
    const Recipe recipe = LoadRecipe(golden.at("recipe"));
    tokenizer.chat_template_text = golden.at("template").get<std::string>();
    const std::string query =
        PrepareQuery(recipe.query, golden.at("query").get<std::string>(), tokenizer);
    std::vector<PassageText> passages;
    for (const Json& text : golden.at("passages")) {
      passages.push_back(
          PreparePassage(recipe.passage, {.text = text.get<std::string>()}, tokenizer));
    }
    const auto chat = ChatFormatOf(recipe, tokenizer);
    EXPECT_EQ(BuildListwisePrompt(recipe, chat.get(), tokenizer, query, passages, false).text,
              golden.at("prompt").get<std::string>());
  }
  EXPECT_GE(cases, 8);
}

TEST(TextRule, TokensAndIds) {
  const testing::FakeTokenizer tokenizer;
  EXPECT_EQ(CutText({CutUnit::kTokens, 2}, "a\xF0\x9F\x98\x80z", tokenizer), "a\xF0\x9F\x98\x80");
  EXPECT_EQ(CutText({CutUnit::kTokens, 9}, "abc", tokenizer), "abc");
  EXPECT_EQ(EscapeIds("[1] [22][] [x] [3"), "(1) (22)[] [x] [3");
  EXPECT_EQ(EscapeIds(""), "");
  TextRule rule;
  rule.remove = {"ab"};
  rule.strip = true;
  rule.escape_ids = true;
  EXPECT_EQ(ApplyTextRule(rule, " ab[1]ab ", tokenizer), "(1)");
}

TEST(TextRule, TitlesStandBeforeTexts) {
  const testing::FakeTokenizer tokenizer;
  TextRule rule;
  rule.cut = {CutUnit::kChars, 5};
  const PassageText both = PreparePassage(rule, {.title = "abc", .text = "defghij"}, tokenizer);
  EXPECT_EQ(both.passage, "abc d");
  EXPECT_EQ(both.title, "abc");
  EXPECT_EQ(both.text, "defgh");
  EXPECT_EQ(PreparePassage(rule, {.text = "defghij"}, tokenizer).passage, "defgh");
}

TEST(TextRule, MegabytePassages) {
  const testing::FakeTokenizer tokenizer;
  std::string text;
  while (text.size() < (10U << 20)) text += "\xE6\xBC\xA2\xCC\x81 ";
  EXPECT_EQ(CutText({CutUnit::kChars, 300}, text, tokenizer).size(), 600U);
  EXPECT_EQ(CutText({CutUnit::kWords, 2}, text, tokenizer),
            "\xE6\xBC\xA2\xCC\x81 \xE6\xBC\xA2\xCC\x81");
}

// Emoji that are joined, combining marks, CJK, right-to-left, ids in digits of other scripts.
TEST(TextRule, EveryStepKeepsTextsWhole) {
  const testing::FakeTokenizer tokenizer;
  const std::string family = "\xF0\x9F\x91\xA8\xE2\x80\x8D\xF0\x9F\x91\xA9";  // man, joiner, woman
  const std::string text = family + " e\xCC\x81 \xE6\xBC\xA2\xE5\xAD\x97 \xD7\xA9 [\xD9\xA1] [12]";
  TextRule rule;
  rule.escape_ids = true;
  EXPECT_EQ(ApplyTextRule(rule, text, tokenizer),
            family + " e\xCC\x81 \xE6\xBC\xA2\xE5\xAD\x97 \xD7\xA9 (\xD9\xA1) (12)");
  rule.clean = true;  // NFC, nothing else
  EXPECT_EQ(ApplyTextRule(rule, text, tokenizer),
            family + " \xC3\xA9 \xE6\xBC\xA2\xE5\xAD\x97 \xD7\xA9 (\xD9\xA1) (12)");
  for (int64_t length = 1; length < 20; ++length) {
    for (const CutUnit unit : {CutUnit::kChars, CutUnit::kWords, CutUnit::kTokens}) {
      rule.cut = {unit, length};
      const std::string cut = ApplyTextRule(rule, text, tokenizer);
      EXPECT_EQ(RepairUtf8(cut), cut);
      if (unit != CutUnit::kWords) {
        EXPECT_EQ(CodePointCount(cut), std::min<int64_t>(length, 22));
      }
    }
  }
  // Half an id at the cut is none, and stays.
  rule.cut = {CutUnit::kChars, 3};
  EXPECT_EQ(ApplyTextRule(rule, "[12]", tokenizer), "[12");
}

TEST(TextRule, MegabytesAreCleanedAndEscapedInLinearTime) {
  const testing::FakeTokenizer tokenizer;
  TextRule rule;
  rule.strip = rule.clean = rule.escape_ids = true;
  std::string brackets(4U << 20, '[');
  EXPECT_EQ(ApplyTextRule(rule, brackets, tokenizer), brackets);
  EXPECT_EQ(ApplyTextRule(rule, "[" + std::string(4U << 20, '7') + "]", tokenizer),
            "(" + std::string(4U << 20, '7') + ")");
  std::string marks = "e";
  while (marks.size() < (1U << 20)) marks += "\xCC\x81\x1B[";
  EXPECT_FALSE(ApplyTextRule(rule, marks, tokenizer).empty());
  std::string quotes;
  while (quotes.size() < (1U << 20)) quotes += "\xE2\x80\x9C\xEF\xBC\xA1";
  EXPECT_EQ(ApplyTextRule(rule, quotes, tokenizer).substr(0, 4), "\"A\"A");
}

TEST(TextRule, TitlesStandAsTheRuleSays) {
  const testing::FakeTokenizer tokenizer;
  TextRule rule;
  rule.with_title = "Title: {title} Content: {text}";
  EXPECT_EQ(PreparePassage(rule, {.title = "{text}", .text = "b"}, tokenizer).passage,
            "Title: {text} Content: b");
  EXPECT_EQ(PreparePassage(rule, {.text = "b", .first_stage_score = 1.23456}, tokenizer).score,
            "1.235");
  EXPECT_EQ(PreparePassage(rule, {.text = "b"}, tokenizer).passage, "b");
}

TEST(CutThatFits, ShrinksByAFixedRule) {
  EXPECT_EQ(CutThatFits(100, 50, [](int64_t chars) { return 10 + chars; }), 40);
  EXPECT_EQ(CutThatFits(100, 500, [](int64_t chars) { return 10 + chars; }), 100);
  EXPECT_EQ(CutThatFits(100, 9, [](int64_t chars) { return 10 + chars; }), -1);
  EXPECT_EQ(CutThatFits(100, 10, [](int64_t chars) { return 10 + chars; }), 0);
  // A count that jumps is still met, from below.
  const auto jumps = [](int64_t chars) { return chars < 7 ? 1 : 1000; };
  EXPECT_LE(jumps(CutThatFits(1 << 20, 50, jumps)), 50);
}

}  // namespace
}  // namespace dear
