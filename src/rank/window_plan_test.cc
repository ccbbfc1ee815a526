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
#include "base/testing/sanitized.h"
#include "rank/testing/permutations.h"

namespace dear {
namespace {

using ::testing::ElementsAre;
using testing::IsPermutation;

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
  int64_t left_out = 0;
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
  out.left_out = plan->LeftOut();
  out.permutation = plan->Permutation();
  return out;
}

Indices Shuffled(int64_t n, std::mt19937& random) {
  Indices out(static_cast<size_t>(n));
  std::iota(out.begin(), out.end(), 0);
  std::ranges::shuffle(out, random);
  return out;
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

// Any order whatever, and always the same one of the same window: what a model gives that is not
// sampled, without any sense.
Ranker Senseless(uint32_t seed) {
  return [seed](const Indices& window) {
    uint32_t hash = seed;
    for (const int64_t index : window) hash = (hash ^ static_cast<uint32_t>(index)) * 16777619U;
    std::minstd_rand random(hash | 1U);
    Indices places(window.size());
    std::iota(places.begin(), places.end(), 0);
    std::ranges::shuffle(places, random);
    return places;
  };
}

// Knows the truth but for what it confuses: two neighbours in three windows of four.
Ranker Confused(const Indices& truth, uint32_t seed) {
  return [oracle = Oracle(truth), senseless = Senseless(seed)](const Indices& window) {
    Indices places = oracle(window);
    const auto at = static_cast<size_t>(senseless(window).front());
    if (at + 1 < places.size() && window.front() % 4 != 0) std::swap(places[at], places[at + 1]);
    return places;
  };
}

Indices Top(const Indices& list, int64_t k) {
  return {list.begin(), list.begin() + std::min(k, static_cast<int64_t>(list.size()))};
}

TEST(SettledPlan, TheFirstPlacesAreThoseOfAllWindows) {
  std::mt19937 random(5);
  const auto draw = [&random](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  };
  int64_t saved[3] = {};
  for (int64_t n = 0; n <= 300; ++n) {
    for (int trial = 0; trial < testing::Trials(10); ++trial) {
      WindowRule rule{.size = draw(0, 2) == 0 ? 20 : draw(2, 30),
                      .depth = draw(0, 3) == 0 ? draw(1, 300) : 0,
                      .passes = draw(1, 6),
                      .order = static_cast<WindowOrder>(draw(0, 2))};
      rule.step = draw(0, 2) == 0 ? rule.size : draw(1, rule.size);
      const int64_t settle = draw(0, 1) == 0 ? draw(1, 10) : draw(1, 310);
      const Indices truth = Shuffled(n, random);
      const Ranker rankers[] = {Oracle(truth), Senseless(static_cast<uint32_t>(trial)),
                                Confused(truth, static_cast<uint32_t>(trial))};
      for (size_t r = 0; r < std::size(rankers); ++r) {
        rule.settle = 0;
        const Outcome all = RunPlan(n, rule, rankers[r]);
        rule.settle = settle;
        const Outcome settled = RunPlan(n, rule, rankers[r]);
        ASSERT_EQ(Top(settled.permutation, settle), Top(all.permutation, settle))
            << WindowOrderName(rule.order) << " n " << n << " size " << rule.size << " step "
            << rule.step << " passes " << rule.passes << " settle " << settle << " ranker " << r;
        ASSERT_TRUE(IsPermutation(settled.permutation, n));
        ASSERT_EQ(settled.calls + settled.left_out, all.calls);
        ASSERT_EQ(all.left_out, 0);
        ASSERT_TRUE(settled.left_out == 0 || rule.order == WindowOrder::kSliding);
        saved[r] += settled.left_out;
      }
    }
  }
  for (const int64_t windows : saved) EXPECT_GT(windows, testing::Trials(1000));
}

TEST(SettledPlan, APassThatChangedNothingIsTheLast) {
  Indices sorted(100);
  std::iota(sorted.begin(), sorted.end(), 0);
  WindowRule rule{.size = 20, .step = 10, .passes = 5, .settle = 10};
  Outcome outcome = RunPlan(100, rule, Oracle(sorted));
  EXPECT_EQ(outcome.calls, 9);
  EXPECT_EQ(outcome.left_out, 36);
  // The worst first: every pass brings ten more to their places, the fifth puts the last in order.
  const Indices reversed(sorted.rbegin(), sorted.rend());
  rule.passes = 1'000'000'000;
  outcome = RunPlan(100, rule, Oracle(reversed));
  EXPECT_EQ(RightAtTop(outcome, reversed, 100), 100);
  EXPECT_LT(outcome.calls, 100);
}

TEST(SettledPlan, ACircleOfPassesIsGoneThroughOnce) {
  const Ranker turns = [](const Indices& window) {
    Indices places(window.size());
    std::iota(places.begin(), places.end(), 0);
    std::rotate(places.begin(), places.end() - 1, places.end());
    return places;
  };
  for (const int64_t passes : {1, 2, 3, 4, 5, 6, 7, 1000}) {
    WindowRule rule{.size = 3, .passes = passes};
    const Outcome all = RunPlan(3, rule, turns);
    rule.settle = 1;
    const Outcome settled = RunPlan(3, rule, turns);
    EXPECT_EQ(settled.permutation, all.permutation) << passes;
    EXPECT_EQ(settled.calls, std::min<int64_t>(passes, 3));
  }
  const WindowRule endless{.size = 3, .passes = 3'000'000'000'000'000'001, .settle = 1};
  EXPECT_THAT(RunPlan(3, endless, turns).permutation, ElementsAre(2, 0, 1));
}

TEST(SettledPlan, WindowsThatDoNotOverlapAreOfTheFirstPlacesOrNot) {
  const auto calls = [](int64_t n, int64_t settle, int64_t passes = 1) {
    return RunPlan(n, {.size = 20, .step = 20, .passes = passes, .settle = settle}, Senseless(1))
        .calls;
  };
  EXPECT_EQ(calls(100, 10), 1);
  EXPECT_EQ(calls(100, 20), 1);
  EXPECT_EQ(calls(100, 21), 2);
  EXPECT_EQ(calls(100, 500), 5);
  EXPECT_EQ(calls(100, 10, 3), 3);
  EXPECT_EQ(calls(50, 10), 1);  // the ten in front are a window of their own
  EXPECT_EQ(calls(50, 11), 2);
  EXPECT_EQ(calls(41, 1), 0);  // the passage in front is alone: nothing brings another there
  EXPECT_EQ(calls(41, 2), 1);
}

// Why nothing else is left out: whichever single answer is another one, the first place can be.
TEST(SettledPlan, EveryOtherWindowCanReachTheFirstPlace) {
  std::mt19937 random(6);
  for (const WindowRule& rule : {WindowRule{.size = 6, .step = 3}, WindowRule{.size = 6, .step = 5},
                                 WindowRule{.size = 6, .step = 3, .passes = 2},
                                 WindowRule{.size = 6, .order = WindowOrder::kPartition},
                                 WindowRule{.size = 6, .order = WindowOrder::kTournament}}) {
    const auto first_place = [&](uint32_t seed, int64_t other) {
      int64_t call = 0;
      const Ranker ranker = Senseless(seed);
      const Outcome outcome = RunPlan(40, rule, [&](const Indices& window) {
        return call++ == other ? Shuffled(static_cast<int64_t>(window.size()), random)
                               : ranker(window);
      });
      return std::pair(outcome.permutation.front(), outcome.calls);
    };
    const auto [first, calls] = first_place(7, -1);
    for (int64_t other = 0; other < calls; ++other) {
      bool changed = false;
      for (int trial = 0; trial < 1000 && !changed; ++trial)
        changed = first_place(7, other).first != first;
      EXPECT_TRUE(changed) << WindowOrderName(rule.order) << " window " << other;
    }
  }
}

TEST(WindowPlan, NoPassageIsEverLostOrDoubled) {
  std::mt19937 random(4);
  const Ranker chaos = [&random](const Indices& window) {
    return Shuffled(static_cast<int64_t>(window.size()), random);
  };
  for (const WindowOrder order :
       {WindowOrder::kSliding, WindowOrder::kPartition, WindowOrder::kTournament}) {
    for (int64_t n = 0; n < 70; n += testing::kSanitized ? 4 : 1) {
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

// RankLLM's rank_start and rank_end: what stands between them is ranked, as if it were the list.
TEST(WindowPlan, TheFirstOnesMayKeepTheirPlaces) {
  std::mt19937 random(8);
  for (const WindowOrder order :
       {WindowOrder::kSliding, WindowOrder::kPartition, WindowOrder::kTournament}) {
    for (const int64_t n : {0, 1, 3, 10, 45}) {
      for (const int64_t skip : {0, 1, 2, 7, 50}) {
        for (const int64_t depth : {0, 5, 30}) {
          const Indices truth = Shuffled(n, random);
          const Outcome outcome =
              RunPlan(n, {.size = 6, .step = 3, .depth = depth, .skip = skip, .order = order},
                      Oracle(truth));
          const int64_t end = depth > 0 ? std::min(n, depth) : n;
          const int64_t first = std::min(skip, end);
          ASSERT_TRUE(IsPermutation(outcome.permutation, n));
          const auto place = [&](int64_t at) {
            return outcome.permutation[static_cast<size_t>(at)];
          };
          for (int64_t at = 0; at < n; ++at) {
            if (at >= first && at < end) continue;
            ASSERT_EQ(place(at), at) << n << " " << skip << " " << depth;
          }
          // The best of those that take part comes to their front.
          for (int64_t at = first + 1; at < end; ++at) {
            ASSERT_LT(truth[static_cast<size_t>(place(first))],
                      truth[static_cast<size_t>(place(at))]);
          }
        }
      }
    }
  }
}

TEST(WindowPlan, BadRulesAndBadOrdersAreRefused) {
  EXPECT_THROW(MakeWindowPlan(9, {.size = 1}), Error);
  EXPECT_THROW(MakeWindowPlan(9, {.size = 4, .step = 5}), Error);
  EXPECT_THROW(MakeWindowPlan(9, {.size = 4, .step = 2, .passes = 0}), Error);
  EXPECT_THROW(MakeWindowPlan(9, {.size = 4, .step = 2, .passes = INT64_MAX}), Error);
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
