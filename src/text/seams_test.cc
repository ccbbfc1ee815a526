#include "text/seams.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

namespace dear {
namespace {

std::vector<std::string_view> Parts(const Seams& seams, std::string_view text) {
  std::vector<std::string_view> out;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = seams.EndOfPart(text, begin);
    out.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return out;
}

TEST(Seams, CutsWhereNoTokenReachesAcross) {
  Seams seams;
  seams.Reserve(8);
  for (const auto* token : {"▁the", "ing", "▁▁", "a", "日本", "é1"}) seams.AddToken(token);
  using Views = std::vector<std::string_view>;
  EXPECT_EQ(Parts(seams, ""), Views());
  EXPECT_EQ(Parts(seams, "▁the▁thing"), (Views{"▁the", "▁th", "ing"}));
  EXPECT_EQ(Parts(seams, "▁▁▁日本日"), (Views{"▁▁▁", "日本", "日"}));
  EXPECT_EQ(Parts(seams, "aa"), (Views{"a", "a"}));
  EXPECT_EQ(Parts(seams, "é12"), (Views{"é1", "2"}));
}

}  // namespace
}  // namespace dear
