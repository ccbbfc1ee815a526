#include "rank/prefix_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dear {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Ids = std::vector<TokenId>;

std::vector<size_t> ChooseOf(PrefixPolicy& policy, const std::vector<Ids>& prompts,
                             Reuse reuse = Reuse::kBeginnings) {
  const std::vector<std::span<const TokenId>> spans(prompts.begin(), prompts.end());
  return policy.Choose(spans, reuse);
}

// An instruction, and something of its own.
Ids Instructed(size_t instruction, TokenId own) {
  Ids ids(instruction, 1);
  ids.insert(ids.end(), 100, own);
  return ids;
}

TEST(PrefixPolicy, WhatPromptsOfACallBeginWithIsKept) {
  PrefixPolicy policy;
  EXPECT_THAT(ChooseOf(policy, {}), IsEmpty());
  EXPECT_THAT(ChooseOf(policy, {Instructed(64, 5), Instructed(64, 6), Ids(100, 9), {}}),
              ElementsAre(64, 64, 0, 0));
}

TEST(PrefixPolicy, ThePromptsOfEarlierCallsCount) {
  PrefixPolicy policy;
  EXPECT_THAT(ChooseOf(policy, {Instructed(64, 5)}), ElementsAre(0));
  EXPECT_THAT(ChooseOf(policy, {Instructed(64, 6)}), ElementsAre(64));
  EXPECT_THAT(ChooseOf(policy, {Ids(90, 9)}), ElementsAre(0));
  // All of one that comes again, as far as it fills blocks.
  EXPECT_THAT(ChooseOf(policy, {Instructed(64, 5)}), ElementsAre(160));
  EXPECT_THAT(ChooseOf(policy, {Ids(90, 9)}), ElementsAre(64));
}

TEST(PrefixPolicy, TokensThatHappenToBeTheSameCostNoBlock) {
  PrefixPolicy policy;
  EXPECT_THAT(ChooseOf(policy, {Instructed(63, 5), Instructed(63, 6), Instructed(40, 7),
                                Instructed(31, 8)}),
              ElementsAre(32, 32, 32, 0));
}

TEST(PrefixPolicy, PassagesThatMeetOtherQueriesAreKeptWhole) {
  PrefixPolicy policy;
  EXPECT_THAT(ChooseOf(policy, {Ids(7, 1), Ids(45, 2)}, Reuse::kWhole), ElementsAre(7, 45));
}

TEST(PrefixPolicy, ForgetsTheOldest) {
  PrefixPolicy policy;
  const size_t half = PrefixPolicy::kRemembered / 2;
  ChooseOf(policy, {Ids(100, 1)});
  ChooseOf(policy, {Ids(half, 2)});
  EXPECT_THAT(ChooseOf(policy, {Ids(100, 1)}), ElementsAre(96));
  ChooseOf(policy, {Ids(half, 3)});  // the first and the second go
  EXPECT_THAT(ChooseOf(policy, {Ids(100, 2)}), ElementsAre(0));
  EXPECT_THAT(ChooseOf(policy, {Ids(100, 1)}), ElementsAre(96));
  // One that is too long by itself is compared, and not remembered.
  EXPECT_THAT(ChooseOf(policy, {Ids(3 * half, 3)}), ElementsAre(half / 32 * 32));
  EXPECT_THAT(ChooseOf(policy, {Ids(100, 1)}), ElementsAre(0));
}

}  // namespace
}  // namespace dear
