#include "text/word_scanner.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "text/regex.h"
#include "text/unicode.h"

namespace dear {
namespace {

std::vector<TextRange> Scan(WordScanner scanner, std::string_view text) {
  std::vector<TextRange> out;
  for (size_t i = 0; i < text.size();) {
    const size_t end = scanner(text, i);
    out.push_back({i, end});
    i = end;
  }
  return out;
}

class WordScannerTest : public ::testing::TestWithParam<std::string_view> {
 protected:
  void ExpectAlike(const std::string& text) {
    std::vector<TextRange> expected;
    regex_.FindAll(text, expected);
    ASSERT_EQ(Scan(scanner_, text), expected) << text;
  }
  WordScanner scanner_ = FindWordScanner(GetParam());
  Regex regex_{GetParam(), "test"};
};

TEST_P(WordScannerTest, CutsEveryCodePointAsTheRegexDoes) {
  ASSERT_NE(scanner_, nullptr);
  std::string text;
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    // Alone between letters, digits, blanks and marks in turn.
    constexpr std::string_view kAround[] = {"a", "1", " ", ".", "\n", "'", "  "};
    text += kAround[c % 7];
    AppendUtf8(c, text);
    if (text.size() < 4096 && c != 0x10FFFF) continue;
    ExpectAlike(text);
    text.clear();
  }
}

TEST_P(WordScannerTest, CutsRandomTextAsTheRegexDoes) {
  std::mt19937 random(7);
  constexpr std::string_view kPieces[] = {"a",
                                          "Z",
                                          "'s",
                                          "'S",
                                          "'LL",
                                          "'ve",
                                          "'re",
                                          "'\xC5\xBF",
                                          "'",
                                          "1",
                                          "23",
                                          "\xC2\xBD",
                                          " ",
                                          "  ",
                                          "\t",
                                          "\n",
                                          "\r",
                                          "\r\n",
                                          ".",
                                          "!?",
                                          "\xC2\xA0",
                                          "\xE3\x80\x80",
                                          "\xC3\xA9",
                                          "\xCC\x81",
                                          "\xE6\x97\xA5",
                                          "\xF0\x9F\x91\x8D",
                                          "\xE2\x80\x8D",
                                          "\xE1\xA0\x8E",
                                          "d",
                                          "\0"};
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    const int length = 1 + static_cast<int>(random() % 12);
    for (int i = 0; i < length; ++i) text += kPieces[random() % std::size(kPieces)];
    ExpectAlike(text);
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Patterns, WordScannerTest,
                         ::testing::Values(kGpt2Pattern, kLlama3Pattern, kQwen2Pattern));

TEST(WordScanner, OtherPatternsHaveNone) {
  EXPECT_EQ(FindWordScanner("\\w+"), nullptr);
}

}  // namespace
}  // namespace dear
