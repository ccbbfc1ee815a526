#include "generate/repetition_drafter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dear {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Tokens = std::vector<TokenId>;

TEST(RepetitionDrafterTest, GoesOnAsTheTextDidBefore) {
  RepetitionDrafter drafter(Tokens{1, 2, 3, 4, 5, 6});
  EXPECT_THAT(drafter.Draft({}, 8), IsEmpty());  // 5 6 stands nowhere else
  EXPECT_THAT(drafter.Draft(Tokens{9}, 8), IsEmpty());
  EXPECT_THAT(drafter.Draft(Tokens{9, 2}, 8), IsEmpty());  // one token says too little
  EXPECT_THAT(drafter.Draft(Tokens{9, 2, 3}, 8), ElementsAre(4, 5, 6, 9, 2, 3));
  EXPECT_THAT(drafter.Draft(Tokens{9, 2, 3, 4}, 2), ElementsAre(5, 6));
  EXPECT_THAT(drafter.Draft(Tokens{9, 2, 3, 4}, 0), IsEmpty());
}

TEST(RepetitionDrafterTest, TheLongestMatchGoesFirstThenTheLast) {
  RepetitionDrafter drafter(Tokens{1, 2, 3, 50, 7, 2, 3, 60, 8, 2, 3, 70});
  EXPECT_THAT(drafter.Draft(Tokens{9, 2, 3}, 1), ElementsAre(70));
  EXPECT_THAT(drafter.Draft(Tokens{9, 2, 3, 0, 1, 2, 3}, 1), ElementsAre(50));
  EXPECT_THAT(drafter.Draft(Tokens{9, 2, 3, 0, 1, 2, 3, 0, 7, 2, 3}, 1), ElementsAre(60));
  // The answer's own text is the last one now.
  EXPECT_THAT(drafter.Draft(Tokens{9, 2, 3, 0, 1, 2, 3, 0, 7, 2, 3, 80, 5, 2, 3}, 2),
              ElementsAre(80, 5));
}

TEST(RepetitionDrafterTest, WhatRepeatsItselfGoesOn) {
  RepetitionDrafter drafter(Tokens{1});
  EXPECT_THAT(drafter.Draft(Tokens{4, 5, 4, 5}, 9), ElementsAre(4, 5));
}

}  // namespace
}  // namespace dear
