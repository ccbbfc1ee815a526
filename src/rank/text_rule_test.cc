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
