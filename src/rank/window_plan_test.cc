// The orders of windows under rankers that know the truth, know nothing, or err: how many calls,
// how close to the true order, and never a passage lost or doubled.
#include "rank/window_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <random>

#include "base/error.h"

namespace dear {
namespace {

using ::testing::ElementsAre;

using Indices = std::vector<int64_t>;
// The places of a window in their new order.
using Ranker = std::function<Indices(const Indices& window)>;

// truth[i]: the true place of passage i.
Ranker Oracle(const Indices& truth) {
  return [&truth](const Indices& window) {
    Indices places(window.size());
    std::iota(places.begin(), places.end(), 0);
    std::ranges::sort(places, {}, [&](int64_t place) {
      return truth[static_cast<size_t>(window[static_cast<size_t>(place)])];
    });
    return places;
  };
}

struct Outcome {
  Indices permutation;
  int64_t calls = 0;
  int64_t rounds = 0;
  size_t largest = 0;
};

Outcome RunPlan(int64_t n, const WindowRule& rule, const Ranker& rank) {
  const auto plan = MakeWindowPlan(n, rule);
  Outcome out;
  while (!plan->Windows().empty()) {
    ++out.rounds;
    EXPECT_GE(plan->Remaining(), static_cast<int64_t>(plan->Windows().size()));
    std::vector<Indices> orders;
    for (const Indices& window : plan->Windows()) {
      EXPECT_GE(window.size(), 2U);
      out.largest = std::max(out.largest, window.size());
      orders.push_back(rank(window));
      ++out.calls;
    }
    plan->Take(orders);
  }
  EXPECT_EQ(plan->Remaining(), 0);
  out.permutation = plan->Permutation();
  return out;
}

Indices Shuffled(int64_t n, std::mt19937& random) {
  Indices out(static_cast<size_t>(n));
  std::iota(out.begin(), out.end(), 0);
  std::ranges::shuffle(out, random);
  return out;
}

bool IsPermutation(Indices list, int64_t n) {
  std::ranges::sort(list);
  Indices all(static_cast<size_t>(n));
  std::iota(all.begin(), all.end(), 0);
  return list == all;
}

// How many of the first `k` are the true ones at their true places.
int64_t RightAtTop(const Outcome& outcome, const Indices& truth, int64_t k) {
  int64_t right = 0;
  for (int64_t place = 0; place < k; ++place)
    right += truth[static_cast<size_t>(outcome.permutation[static_cast<size_t>(place)])] == place;
  return right;
}

// The passages of each window of the first pass, under a ranker that leaves all as it is.
std::vector<Indices> SlidingWindows(int64_t n, const WindowRule& rule) {
  std::vector<Indices> out;
  RunPlan(n, rule, [&out](const Indices& window) {
    out.push_back({window.front(), window.back() + 1});
    Indices same(window.size());
    std::iota(same.begin(), same.end(), 0);
    return same;
  });
  return out;
}

TEST(SlidingPlan, FromTheBackToTheFront) {
  const WindowRule rule{.size = 20, .step = 10};
  EXPECT_THAT(SlidingWindows(30, rule), ElementsAre(ElementsAre(10, 30), ElementsAre(0, 20)));
  // The partial window at the top is ranked, and so is a list shorter than a window.
  EXPECT_THAT(SlidingWindows(25, rule), ElementsAre(ElementsAre(5, 25), ElementsAre(0, 15)));
  EXPECT_THAT(SlidingWindows(20, rule), ElementsAre(ElementsAre(0, 20)));
  EXPECT_THAT(SlidingWindows(7, rule), ElementsAre(ElementsAre(0, 7)));
  EXPECT_THAT(SlidingWindows(1, rule), ElementsAre());
  EXPECT_THAT(SlidingWindows(0, rule), ElementsAre());
  EXPECT_EQ(SlidingWindows(100, rule).size(), 9U);
  EXPECT_THAT(SlidingWindows(3, {.size = 2, .step = 2}), ElementsAre(ElementsAre(1, 3)));
}

TEST(SlidingPlan, DepthPassesAndNoWindow) {
  const WindowRule deep{.size = 20, .step = 10, .depth = 30};
  EXPECT_THAT(SlidingWindows(100, deep), ElementsAre(ElementsAre(10, 30), ElementsAre(0, 20)));
  EXPECT_THAT(SlidingWindows(10, deep), ElementsAre(ElementsAre(0, 10)));
  EXPECT_THAT(SlidingWindows(100, {}), ElementsAre(ElementsAre(0, 100)));
  EXPECT_EQ(SlidingWindows(100, {.size = 20, .step = 10, .passes = 3}).size(), 27U);
  EXPECT_EQ(SlidingWindows(100, {.size = 20}).size(), 9U);  // half a window a step
}

// With a ranker that knows, a pass brings the best `size - step` to the top in order.
TEST(SlidingPlan, APassBringsTheBestToTheTop) {
  std::mt19937 random(1);
  for (const int64_t n : {30, 77, 100, 500}) {
    const Indices truth = Shuffled(n, random);
    const Outcome once = RunPlan(n, {.size = 20, .step = 10}, Oracle(truth));
    EXPECT_EQ(RightAtTop(once, truth, 10), 10) << n;
    const Outcome thrice = RunPlan(n, {.size = 20, .step = 10, .passes = 3}, Oracle(truth));
    EXPECT_EQ(RightAtTop(thrice, truth, 30), 30) << n;
    EXPECT_EQ(thrice.calls, 3 * once.calls);
    EXPECT_EQ(once.rounds, once.calls);
  }
}

TEST(PartitionPlan, TheTopIsTrueInFewerRoundsAndCalls) {
  std::mt19937 random(2);
  for (const int64_t n : {21, 30, 77, 100, 500}) {
    for (int trial = 0; trial < 20; ++trial) {
      const Indices truth = Shuffled(n, random);
      const Outcome outcome =
          RunPlan(n, {.size = 20, .order = WindowOrder::kPartition}, Oracle(truth));
      EXPECT_EQ(RightAtTop(outcome, truth, 10), 10) << n;
      EXPECT_LE(outcome.largest, 20U);
    }
  }
  // A first stage that is right already: one window, one comparison of the rest with its middle.
  Indices sorted(100);
  std::iota(sorted.begin(), sorted.end(), 0);
  const Outcome outcome =
      RunPlan(100, {.size = 20, .order = WindowOrder::kPartition}, Oracle(sorted));
  EXPECT_EQ(outcome.rounds, 2);
  EXPECT_EQ(outcome.calls, 1 + 5);  // 80 others, 19 a window beside the pivot
  EXPECT_EQ(RightAtTop(outcome, sorted, 20), 20);
}

TEST(TournamentPlan, TheTopIsTrueInLogarithmicRounds) {
  std::mt19937 random(3);
  for (const int64_t n : {21, 30, 77, 100, 500, 10000}) {
    const Indices truth = Shuffled(n, random);
    const Outcome outcome =
        RunPlan(n, {.size = 20, .order = WindowOrder::kTournament}, Oracle(truth));
    EXPECT_EQ(RightAtTop(outcome, truth, 6), 6) << n;
    EXPECT_LE(outcome.largest, 20U);
    EXPECT_LE(outcome.rounds, 2 + static_cast<int64_t>(std::ceil(std::log2(n / 20.0)))) << n;
  }
  const Indices truth = Shuffled(100, random);
  const Outcome outcome =
      RunPlan(100, {.size = 20, .order = WindowOrder::kTournament}, Oracle(truth));
  EXPECT_EQ(outcome.calls, 5 + 3 + 2 + 1);
  EXPECT_EQ(outcome.rounds, 4);
}

TEST(WindowPlan, NoPassageIsEverLostOrDoubled) {
  std::mt19937 random(4);
  const Ranker chaos = [&random](const Indices& window) {
    return Shuffled(static_cast<int64_t>(window.size()), random);
  };
  for (const WindowOrder order :
       {WindowOrder::kSliding, WindowOrder::kPartition, WindowOrder::kTournament}) {
    for (int64_t n = 0; n < 70; ++n) {
      for (const int64_t size : {2, 3, 4, 7, 20}) {
        for (const int64_t depth : {0, 1, 10, 50}) {
          for (const int64_t step : {0, 1, 2}) {
            const WindowRule rule{
                .size = size, .step = step, .depth = depth, .passes = 1 + n % 3, .order = order};
            const auto plan = MakeWindowPlan(n, rule);
            while (!plan->Windows().empty()) {
              std::vector<Indices> orders;
              for (const Indices& window : plan->Windows()) {
                EXPECT_LE(static_cast<int64_t>(window.size()), size);
                orders.push_back(chaos(window));
              }
              plan->Take(orders);
              // At any moment, so that a job that is stopped has a list to show.
              ASSERT_TRUE(IsPermutation(plan->Permutation(), n)) << WindowOrderName(order);
            }
            const Indices done = plan->Permutation();
            for (int64_t i = depth; depth > 0 && i < n; ++i)
              ASSERT_EQ(done[static_cast<size_t>(i)], i) << "behind the depth";
          }
        }
      }
    }
    for (const int64_t n : {1000, 10000}) {
      const Outcome outcome = RunPlan(n, {.size = 20, .order = order}, chaos);
      EXPECT_TRUE(IsPermutation(outcome.permutation, n));
    }
  }
}

TEST(WindowPlan, BadRulesAndBadOrdersAreRefused) {
  EXPECT_THROW(MakeWindowPlan(9, {.size = 1}), Error);
  EXPECT_THROW(MakeWindowPlan(9, {.size = 4, .step = 5}), Error);
  EXPECT_THROW(MakeWindowPlan(9, {.size = 4, .step = 2, .passes = 0}), Error);
  EXPECT_EQ(ParseWindowOrder("partition"), WindowOrder::kPartition);
  EXPECT_THROW(ParseWindowOrder("backwards"), Error);
  const auto plan = MakeWindowPlan(3, {});
  EXPECT_THROW(plan->Take({}), Error);
  EXPECT_THROW(plan->Take({{0, 1}}), Error);
  EXPECT_THROW(plan->Take({{0, 1, 1}}), Error);
  EXPECT_THROW(plan->Take({{0, 1, 3}}), Error);
  plan->Take({{2, 0, 1}});
  EXPECT_THAT(plan->Permutation(), ElementsAre(2, 0, 1));
}

}  // namespace
}  // namespace dear
