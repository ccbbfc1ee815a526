#include "rank/shared_prefixes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace dear {
namespace {

using ::testing::ElementsAre;
using Ids = std::vector<TokenId>;

SharedPrefixes Find(const std::vector<Ids>& prompts) {
  const std::vector<std::span<const TokenId>> spans(prompts.begin(), prompts.end());
  return FindSharedPrefixes(spans);
}

Ids Joined(const std::vector<Ids>& parts) {
  Ids out;
  for (const Ids& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

TEST(SharedPrefixes, AnInstructionThatAllHaveAndAQueryThatSomeHave) {
  const Ids instruction(40, 1);
  const Ids first(12, 2), second(12, 3);
  std::vector<Ids> prompts;
  for (TokenId passage = 10; passage < 20; ++passage) {
    prompts.push_back(Joined({instruction, first, {passage}}));
    prompts.push_back(Joined({instruction, second, {passage}}));
  }
  const SharedPrefixes shared = Find(prompts);
  ASSERT_EQ(shared.prefixes.size(), 3U);
  EXPECT_EQ(shared.prefixes[0].length, 40U);
  EXPECT_EQ(shared.prefixes[0].parent, SharedPrefix::kNone);
  for (const size_t i : {1U, 2U}) {
    EXPECT_EQ(shared.prefixes[i].length, 52U);
    EXPECT_EQ(shared.prefixes[i].parent, 0U);
  }
  for (size_t i = 0; i < prompts.size(); ++i) {
    const SharedPrefix& own = shared.prefixes.at(shared.of_prompt[i]);
    EXPECT_EQ(prompts[own.prompt][45], prompts[i][45]);
  }
}

TEST(SharedPrefixes, WhatSavesLittleIsNotShared) {
  EXPECT_TRUE(Find({}).prefixes.empty());
  EXPECT_TRUE(Find({Ids(100, 1)}).prefixes.empty());
  // Seven tokens, however many have them; 63 tokens of two prompts.
  std::vector<Ids> many;
  for (TokenId i = 10; i < 60; ++i) many.push_back(Joined({Ids(7, 1), {i}}));
  EXPECT_TRUE(Find(many).prefixes.empty());
  EXPECT_TRUE(Find({Joined({Ids(63, 1), {2}}), Joined({Ids(63, 1), {3}})}).prefixes.empty());
  const SharedPrefixes two = Find({Joined({Ids(64, 1), {2}}), Joined({Ids(64, 1), {3}})});
  EXPECT_THAT(two.of_prompt, ElementsAre(0, 0));
}

TEST(SharedPrefixes, APromptMayEndWhereOthersGoOn) {
  const SharedPrefixes shared = Find({Ids(70, 1), Ids(200, 1), Ids(200, 1), {}});
  ASSERT_EQ(shared.prefixes.size(), 2U);
  EXPECT_EQ(shared.prefixes[shared.of_prompt[0]].length, 70U);
  EXPECT_EQ(shared.prefixes[shared.of_prompt[1]].length, 200U);
  EXPECT_EQ(shared.of_prompt[1], shared.of_prompt[2]);
  EXPECT_EQ(shared.of_prompt[3], SharedPrefix::kNone);
}

// On random prompts of few symbols: what is said to be shared is, parents come first and are
// shorter, and each prefix saves what it must.
TEST(SharedPrefixes, HoldWhatTheyPromise) {
  std::mt19937 random(7);
  size_t found = 0;
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<Ids> prompts(random() % 30);
    for (Ids& prompt : prompts) {
      if (!prompts.front().empty() && random() % 2 == 0) {
        prompt = prompts[random() % prompts.size()];
        prompt.resize(random() % (prompt.size() + 1));
      }
      for (size_t more = random() % 80; more > 0; --more)
        prompt.push_back(static_cast<TokenId>(random() % 2 + (random() % 9 == 0)));
    }
    const SharedPrefixes shared = Find(prompts);
    std::vector<size_t> users(shared.prefixes.size(), 0);
    for (size_t i = 0; i < prompts.size(); ++i) {
      for (size_t at = shared.of_prompt[i]; at != SharedPrefix::kNone;
           at = shared.prefixes[at].parent) {
        const SharedPrefix& prefix = shared.prefixes[at];
        ++users[at];
        ASSERT_LE(prefix.length, prompts[i].size());
        ASSERT_TRUE(std::equal(prompts[i].begin(),
                               prompts[i].begin() + static_cast<ptrdiff_t>(prefix.length),
                               prompts[prefix.prompt].begin()));
      }
    }
    for (size_t at = 0; at < shared.prefixes.size(); ++at) {
      const SharedPrefix& prefix = shared.prefixes[at];
      const bool has_parent = prefix.parent != SharedPrefix::kNone;
      if (has_parent) {
        ASSERT_LT(prefix.parent, at);
      }
      const size_t added = prefix.length - (has_parent ? shared.prefixes[prefix.parent].length : 0);
      EXPECT_GE(added, kMinSharedTokens);
      EXPECT_GE(added * (users[at] - 1), kMinSavedTokens);
      ++found;
    }
  }
  EXPECT_GT(found, 50U);
}

}  // namespace
}  // namespace dear
