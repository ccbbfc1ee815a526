#include "search/analyzer.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "search/porter_stemmer.h"
#include "search/word_breaks.h"

namespace dear {
namespace {

using Strings = std::vector<std::string>;

Strings WordsOf(std::string_view text) {
  Strings words;
  WordBreaks breaks(text);
  for (std::string_view word; breaks.Next(&word);) words.emplace_back(word);
  return words;
}

const Json& Golden() {
  static const Json golden = ReadJsonFile(DEAR_SOURCE_DIR "/tests/golden/search/analysis.json");
  return golden;
}

TEST(WordBreaksTest, AreLucenes) {
  ASSERT_GT(Golden()["texts"].size(), 700U);
  for (const Json& text : Golden()["texts"]) {
    EXPECT_EQ(WordsOf(text["text"].get<std::string>()), text["words"].get<Strings>())
        << text["text"];
  }
}

TEST(WordBreaksTest, WordsAreViewsOfTheText) {
  const std::string text = "one, two";
  WordBreaks breaks(text);
  std::string_view word;
  ASSERT_TRUE(breaks.Next(&word));
  EXPECT_EQ(word.data(), text.data());
  ASSERT_TRUE(breaks.Next(&word));
  EXPECT_EQ(word.data(), text.data() + 5);
  EXPECT_FALSE(breaks.Next(&word));
}

TEST(EnglishTermsTest, AreLucenes) {
  for (const Json& text : Golden()["texts"]) {
    EXPECT_EQ(AnalyzeEnglish(text["text"].get<std::string>()), text["terms"].get<Strings>())
        << text["text"];
  }
}

TEST(EnglishTermsTest, SurvivesBytesThatAreNoUtf8) {
  EXPECT_EQ(AnalyzeEnglish("bro\xC3ken \xF0\x9F tex\xFFts"), (Strings{"bro", "ken", "tex", "ts"}));
}

TEST(PorterStemTest, IsLucenes) {
  ASSERT_GT(Golden()["stems"].size(), 1500U);
  for (const auto& [word, stem] : Golden()["stems"].items()) {
    const Strings terms = AnalyzeEnglish(word);
    // A stop word has no stem there, and an emoji is a word of its own.
    if (terms.size() == 1 && word.find('\xF0') == std::string::npos) {
      EXPECT_EQ(terms.front(), stem.get<std::string>()) << word;
    }
    const bool is_ascii = std::ranges::none_of(word, [](char c) { return c < 0; });
    if (!is_ascii) continue;
    std::string narrow = word;
    PorterStem(&narrow);
    EXPECT_EQ(narrow, stem.get<std::string>());
    std::u16string wide(word.begin(), word.end());
    PorterStem(&wide);
    EXPECT_EQ(std::string(wide.begin(), wide.end()), narrow);
  }
}

TEST(PorterStemTest, HandlesALongRowOfOneLetter) {
  for (const char c : {'y', 's', 'e', 'l'}) {
    std::string word(255, c);
    PorterStem(&word);
    EXPECT_GE(word.size(), 253U);
  }
}

}  // namespace
}  // namespace dear
