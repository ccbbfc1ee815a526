#include "generate/draft_budget.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace dear {
namespace {

constexpr size_t kAlone = 1;

// An answer of `tokens` tokens, drafted at the budget's length, of which `keeps` says how many are
// kept; the cost beside that without drafts.
template <typename Keeps>
double CostRatio(double pass_rows, size_t prompt, size_t tokens, Keeps keeps) {
  DraftBudget budget(pass_rows);
  budget.Prompt(prompt);
  double cost = static_cast<double>(prompt) + pass_rows;
  const double plain = cost + static_cast<double>(tokens - 1) * (pass_rows + 1);
  for (size_t written = 1; written < tokens;) {
    const size_t drafted = std::min(budget.Limit(kAlone, budget.kept()), tokens - written - 1);
    const size_t kept = std::min(drafted, static_cast<size_t>(keeps(drafted)));
    budget.Verified(drafted, kept, kAlone);
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
  EXPECT_EQ(budget.Limit(kAlone, 0), 3U);  // 3 % of 100 rows
  budget.Verified(3, 3, kAlone);
  // 3 % of 100 + 4 * 9 rows, and three calls of 8 rows saved.
  EXPECT_EQ(budget.Limit(kAlone, budget.kept()), 28U);
  budget.Verified(28, 28, kAlone);
  EXPECT_GT(budget.Limit(kAlone, budget.kept()), 150U);
  EXPECT_LT(CostRatio(8, 100, 150, [](size_t drafted) { return drafted; }), 0.3);
}

TEST(DraftBudget, ATokenMustBeWorthItsRow) {
  DraftBudget budget(8);
  budget.Prompt(100000);
  const size_t first = budget.Limit(kAlone, 0);
  EXPECT_GT(first, 100U);
  for (int i = 0; i < 30; ++i) budget.Verified(20, 3, kAlone);
  // 30.5 of 170 were rejected: 0.82^11 > 1/9 > 0.82^12.
  EXPECT_EQ(budget.Limit(kAlone, budget.kept()), 11U);
  // Shared by sixteen answers a call has little to be saved.
  EXPECT_LE(budget.Limit(16, budget.kept()), 2U);
}

TEST(DraftBudget, RepetitionsHaveARecordAndAnAllowanceOfTheirOwn) {
  constexpr DraftSource kRepetition = DraftSource::kRepetition;
  DraftBudget budget(8);
  budget.Prompt(1000);
  // Half of them is kept: 0.5^3 > 1/9 > 0.5^4.
  EXPECT_EQ(budget.Limit(kAlone, 0, kRepetition), 3U);
  for (int i = 0; i < 50; ++i) {
    budget.Verified(budget.Limit(kAlone, budget.kept(), kRepetition), 0, kAlone, kRepetition);
  }
  // 1.5 % of 1,000 + 50 * 9 rows are lost; the form is drafted as if nothing were.
  EXPECT_EQ(budget.Limit(kAlone, budget.kept(), kRepetition), 0U);
  EXPECT_GE(budget.Limit(kAlone, budget.kept()), 20U);
}

TEST(DraftBudget, NothingIsSavedBeforeAllHaveSavedIt) {
  DraftBudget budget(8);
  budget.Prompt(40);
  budget.Verified(1, 1, 2);
  EXPECT_EQ(budget.Limit(2, 0), 1U);
  EXPECT_GT(budget.Limit(2, 1), 4U);
}

}  // namespace
}  // namespace dear
