#include "generate/draft_budget.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace dear {
namespace {

// An answer of `tokens` tokens, drafted at the budget's length, of which `keeps` says how many are
// kept; the cost beside that without drafts.
template <typename Keeps>
double CostRatio(double pass_rows, size_t prompt, size_t tokens, Keeps keeps) {
  DraftBudget budget(pass_rows);
  budget.Prompt(prompt);
  double cost = static_cast<double>(prompt) + pass_rows;
  const double plain = cost + static_cast<double>(tokens - 1) * (pass_rows + 1);
  for (size_t written = 1; written < tokens;) {
    budget.Share(1, budget.kept());
    const size_t drafted = std::min(budget.Limit(), tokens - written - 1);
    const size_t kept = std::min(drafted, static_cast<size_t>(keeps(drafted)));
    budget.Verified(drafted, kept);
    cost += pass_rows + 1 + static_cast<double>(drafted);
    written += kept + 1;
  }
  return cost / plain;
}

TEST(DraftBudget, RejectedDraftsCostHardlyAnything) {
  for (const double pass_rows : {0.0, 1.0, 8.0, 30.0}) {
    for (const size_t prompt : {1U, 50U, 400U, 4000U}) {
      for (const size_t tokens : {2U, 30U, 150U, 2000U}) {
        EXPECT_LE(CostRatio(pass_rows, prompt, tokens, [](size_t) { return 0U; }), 1.05);
        size_t calls = 0;
        EXPECT_LE(CostRatio(pass_rows, prompt, tokens, [&](size_t) { return ++calls % 7 == 0; }),
                  1.05);
      }
    }
  }
}

TEST(DraftBudget, KeptDraftsBecomeLong) {
  DraftBudget budget(8);
  budget.Prompt(100);
  EXPECT_EQ(budget.Limit(), 3U);  // 3 % of 100 rows
  budget.Verified(3, 3);
  budget.Share(1, 3);
  // 3 % of 100 + 4 * 9 rows, and three calls of 8 rows saved.
  EXPECT_EQ(budget.Limit(), 28U);
  budget.Verified(28, 28);
  budget.Share(1, 31);
  EXPECT_GT(budget.Limit(), 150U);
  EXPECT_LT(CostRatio(8, 100, 150, [](size_t drafted) { return drafted; }), 0.3);
}

TEST(DraftBudget, ATokenMustBeWorthItsRow) {
  DraftBudget budget(8);
  budget.Prompt(100000);
  const size_t first = budget.Limit();
  EXPECT_GT(first, 100U);
  for (int i = 0; i < 30; ++i) budget.Verified(20, 3);
  // 30.5 of 170 were rejected: 0.82^11 > 1/9 > 0.82^12.
  EXPECT_EQ(budget.Limit(), 11U);
  // Shared by sixteen answers a call has little to be saved.
  budget.Share(16, budget.kept());
  EXPECT_LE(budget.Limit(), 2U);
}

TEST(DraftBudget, RepetitionsHaveARecordAndAnAllowanceOfTheirOwn) {
  constexpr DraftSource kRepetition = DraftSource::kRepetition;
  DraftBudget budget(8);
  budget.Prompt(1000);
  // Half of them is kept: 0.5^3 > 1/9 > 0.5^4.
  EXPECT_EQ(budget.Limit(kRepetition), 3U);
  for (int i = 0; i < 50; ++i) {
    budget.Verified(budget.Limit(kRepetition), 0, kRepetition);
  }
  // 1.5 % of 1,000 + 50 * 9 rows are lost; the form is drafted as if nothing were.
  EXPECT_EQ(budget.Limit(kRepetition), 0U);
  EXPECT_GE(budget.Limit(), 20U);
}

TEST(DraftBudget, NothingIsSavedBeforeAllHaveSavedIt) {
  DraftBudget budget(8);
  budget.Prompt(40);
  budget.Share(2, 0);
  budget.Verified(1, 1);
  budget.Share(2, 0);
  EXPECT_EQ(budget.Limit(), 1U);
  budget.Share(2, 1);
  EXPECT_GT(budget.Limit(), 4U);
}

// Two answers have saved ten calls; when one of them ends, half of them stay the other's.
TEST(DraftBudget, WhatWasSavedTogetherIsNotOnesOwnLater) {
  DraftBudget budget(8);
  budget.Share(2, 0);
  budget.Verified(10, 10);
  budget.Share(2, 10);
  EXPECT_EQ(budget.Limit(), 41U);  // ten halves of 8 rows, and 3 % of 11 * (1 + 4)
  budget.Share(1, 10);
  EXPECT_EQ(budget.Limit(), 41U);
  budget.Verified(41, 1);
  budget.Share(1, 11);
  EXPECT_EQ(budget.Limit(), 9U);  // 41.95 - 40 + 8
  budget.Inherit(20);
  EXPECT_EQ(budget.Limit(), 29U);
  EXPECT_NEAR(budget.Unspent(), 29.95, 1e-9);
}

}  // namespace
}  // namespace dear
