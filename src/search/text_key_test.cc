#include "search/text_key.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace dear {
namespace {

TEST(TextKeyTest, SpaceAndCaseDoNotCount) {
  for (const char* text : {"the cat sat", " The  cat\tsat\n", "THE\u00a0CAT\u3000SAT"})
    EXPECT_EQ(TextKey(text), TextKey("the cat sat")) << text;
  EXPECT_EQ(TextKey("ÉTÉ"), TextKey("été"));
  EXPECT_EQ(TextKey(""), TextKey(" \n"));
  EXPECT_EQ(TextKey("a\xFF"), TextKey("A\uFFFD"));
}

TEST(TextKeyTest, EverythingElseCounts) {
  std::set<uint64_t> keys;
  for (const char* text : {"", "a", "b", "ab", "a b", "b a", "a.", "a-b", "été", "ete"})
    keys.insert(TextKey(text));
  EXPECT_EQ(keys.size(), 10U);
}

}  // namespace
}  // namespace dear
