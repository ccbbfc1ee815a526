#include "text/python_text.h"

#include <gtest/gtest.h>

namespace dear {
namespace {

const std::string kBad = "\xEF\xBF\xBD";

TEST(PythonText, RepairsEachMaximalPart) {
  EXPECT_EQ(RepairUtf8("plain \xE6\xBC\xA2 \xF0\x9F\x98\x80"),
            "plain \xE6\xBC\xA2 \xF0\x9F\x98\x80");
  EXPECT_EQ(RepairUtf8("\x80"), kBad);
  EXPECT_EQ(RepairUtf8("a\xF0\x9F\x98"), "a" + kBad);  // cut off: one part
  EXPECT_EQ(RepairUtf8("\xF0\x9F\x41"), kBad + "A");
  EXPECT_EQ(RepairUtf8("\xC0\xAF"), kBad + kBad);  // overlong
  EXPECT_EQ(RepairUtf8("\xE0\x80\xAF"), kBad + kBad + kBad);
  EXPECT_EQ(RepairUtf8("\xED\xA0\x80"), kBad + kBad + kBad);  // a lone surrogate
  EXPECT_EQ(RepairUtf8("\xF4\x90\x80\x80"), kBad + kBad + kBad + kBad);
  EXPECT_EQ(RepairUtf8("\xFF\xFE"), kBad + kBad);
  EXPECT_EQ(RepairUtf8(std::string_view("\0x", 2)), std::string_view("\0x", 2));
}

TEST(PythonText, CountsAndCutsCodePoints) {
  const std::string text =
      "a\xC3\xA9\xE6\xBC\xA2\xF0\x9F\x98\x80"
      "e\xCC\x81";  // the last two combine
  EXPECT_EQ(CodePointCount(text), 6);
  EXPECT_EQ(FirstCodePoints(text, 0), "");
  EXPECT_EQ(FirstCodePoints(text, 2), "a\xC3\xA9");
  EXPECT_EQ(FirstCodePoints(text, 4), "a\xC3\xA9\xE6\xBC\xA2\xF0\x9F\x98\x80");
  EXPECT_EQ(FirstCodePoints(text, 5), text.substr(0, text.size() - 2));
  EXPECT_EQ(FirstCodePoints(text, 6), text);
  EXPECT_EQ(FirstCodePoints(text, 600), text);
  EXPECT_EQ(FirstCodePoints(text, -1), "");
}

TEST(PythonText, SpaceIsWhatPythonCallsSpace) {
  EXPECT_EQ(StripSpace(" \t\x1C\x1F\xC2\x85\xC2\xA0\xE3\x80\x80"
                       "a b\xE2\x80\xA8\n"),
            "a b");
  EXPECT_EQ(StripSpace("\xE2\x80\x8B"
                       "a"),
            "\xE2\x80\x8B"
            "a");  // zero width space is none
  EXPECT_EQ(StripSpace(" \n\t "), "");
  EXPECT_EQ(StripSpace(""), "");
  EXPECT_EQ(StripNewlines("\n a\n\n", true, true), " a");
}

TEST(PythonText, WordsAreJoinedByOneBlank) {
  EXPECT_EQ(FirstWords("  a\tb\xE3\x80\x80"
                       "c \n d ",
                       3),
            "a b c");
  EXPECT_EQ(FirstWords("  a\tb  ", -1), "a b");
  EXPECT_EQ(FirstWords("  a\tb  ", 2), "a b");
  EXPECT_EQ(FirstWords("  a\tb  ", 0), "");
  EXPECT_EQ(FirstWords("", 5), "");
  EXPECT_EQ(FirstWords(std::string(1 << 20, 'x'), 5).size(), size_t{1} << 20);
}

TEST(PythonText, ReplacesAll) {
  EXPECT_EQ(ReplaceAll("aXbXX", "X", "--"), "a--b----");
  EXPECT_EQ(ReplaceAll("aaa", "aa", ""), "a");
}

}  // namespace
}  // namespace dear
