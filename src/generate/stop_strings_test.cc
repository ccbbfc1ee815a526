#include "generate/stop_strings.h"

#include <gtest/gtest.h>

namespace dear {
namespace {

TEST(StopStrings, WithoutAnyAllTextPasses) {
  StopStrings stops({""});
  EXPECT_EQ(stops.Add("abc"), "abc");
  EXPECT_FALSE(stops.found());
}

TEST(StopStrings, HoldsBackWhatMayBecomeOne) {
  StopStrings stops({"###", "</s>"});
  EXPECT_EQ(stops.Add("rank: 1 #"), "rank: 1 ");
  EXPECT_EQ(stops.Add("#"), "");
  EXPECT_EQ(stops.Add(" <"), "## ");
  EXPECT_EQ(stops.Add("/s"), "");
  EXPECT_FALSE(stops.found());
  EXPECT_EQ(stops.Finish(), "</s");
}

TEST(StopStrings, CutsAtTheEarliestOne) {
  StopStrings stops({"END", "N2"});
  EXPECT_EQ(stops.Add("answ"), "answ");
  EXPECT_EQ(stops.Add("er E"), "er ");
  EXPECT_EQ(stops.Add("ND more N2"), "");
  EXPECT_TRUE(stops.found());
  EXPECT_EQ(stops.Add("later"), "");
  EXPECT_EQ(stops.Finish(), "");
}

TEST(StopStrings, AShorterOneInsideALongerBeginningWins) {
  StopStrings stops({"abcd", "c"});
  EXPECT_EQ(stops.Add("ab"), "");
  EXPECT_EQ(stops.Add("c"), "ab");
  EXPECT_TRUE(stops.found());
}

// However the text is cut into pieces, the same text comes out.
TEST(StopStrings, PiecesDoNotMatter) {
  const std::string text = "aabaabaaabXaabaac";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    for (size_t second = cut; second <= text.size(); ++second) {
      StopStrings stops({"aabaaa", "bX"});
      std::string out = stops.Add(text.substr(0, cut));
      out += stops.Add(text.substr(cut, second - cut));
      out += stops.Add(text.substr(second));
      out += stops.Finish();
      EXPECT_TRUE(stops.found());
      EXPECT_EQ(out, "aab");
    }
  }
}

}  // namespace
}  // namespace dear
