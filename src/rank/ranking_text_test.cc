#include "rank/ranking_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace dear {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

RankingText Text(IdStyle ids, int64_t n, const std::string& item = "[{id}]",
                 const std::string& separator = " > ") {
  Recipe recipe;
  recipe.ids = ids;
  recipe.answer.item = item;
  recipe.answer.separator = separator;
  return {recipe, n};
}

// Every beginning of every ranking is read, and written on to the same ranking.
TEST(RankingText, ReadsWhatItWrites) {
  for (const IdStyle ids : {IdStyle::kZeroBased, IdStyle::kOneBased, IdStyle::kLetters}) {
    for (const auto& [item, separator] :
         {std::pair("[{id}]", " > "), std::pair("{id}", ", "), std::pair("<{id}>", "")}) {
      const RankingText text = Text(ids, 13, item, separator);
      std::vector<int64_t> order(13);
      std::iota(order.begin(), order.end(), 0);
      for (int round = 0; round < 5; ++round) {
        std::rotate(order.begin(), order.begin() + 5, order.end());
        std::swap(order[2], order[static_cast<size_t>(round) + 4]);
        const std::string whole = text.Continuation(text.Start(), order);
        for (size_t cut = 0; cut <= whole.size(); ++cut) {
          const auto state = text.Read(whole.substr(0, cut));
          ASSERT_TRUE(state) << whole.substr(0, cut);
          const auto rest = std::span(order).subspan(state->named.size());
          ASSERT_EQ(whole.substr(0, cut) + text.Continuation(*state, rest), whole);
          ASSERT_EQ(text.Complete(*state), cut == whole.size() && !state->named.empty() &&
                                               state->named.size() == order.size());
        }
      }
    }
  }
}

TEST(RankingText, RefusesWhatIsNone) {
  const RankingText text = Text(IdStyle::kOneBased, 12);
  for (const char* wrong : {"[13]", "[0]", "[01]", "[2] > [2]", "[2]>", "[2] > [ 3", "x", "[2], ",
                            "[a]", "[2]\n", "[99999999999999999999]", "[2] > [02"}) {
    EXPECT_FALSE(text.Read(wrong)) << wrong;
  }
  EXPECT_THAT(text.Read("[2] > [1")->begun, "1");
  EXPECT_THAT(text.Candidates(*text.Read("[2] > [1")), ElementsAre(0, 9, 10, 11));
  EXPECT_THAT(text.Candidates(*text.Read("[1] > [1")), ElementsAre(9, 10, 11));
  EXPECT_FALSE(text.Read("[10] > [10"));
}

TEST(RankingText, FindsTheRankingAtTheEnd) {
  const RankingText text = Text(IdStyle::kOneBased, 5);
  EXPECT_THAT(text.ReadEnd("As [1] says: [3] > [4] ")->named, ElementsAre(2, 3));
  EXPECT_THAT(text.ReadEnd("[3] > [3] > [1")->named, ElementsAre(2));
  EXPECT_THAT(text.ReadEnd("so [")->named, IsEmpty());
  EXPECT_FALSE(text.ReadEnd("so"));
  EXPECT_FALSE(text.ReadEnd(""));
  EXPECT_FALSE(text.ReadEnd("[3] > [4]."));
  const RankingText bare = Text(IdStyle::kOneBased, 5, "{id}", ", ");
  EXPECT_THAT(bare.ReadEnd("Order: 3, 4, ")->named, ElementsAre(2, 3));
  EXPECT_FALSE(bare.ReadEnd("Order: "));
}

}  // namespace
}  // namespace dear
