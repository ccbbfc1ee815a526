#include "train/ranking_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/error.h"
#include "formats/testing/expect_error.h"

namespace dear {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Passages "0", "1", …
RankingExample Labelled(const std::vector<double>& labels) {
  RankingExample example;
  for (size_t i = 0; i < labels.size(); ++i)
    example.passages.push_back({.text = std::to_string(i), .label = labels[i]});
  return example;
}

std::vector<int> Chosen(const RankingExample& example, const RankingChoice& choice, size_t index,
                        int64_t epoch) {
  std::vector<int> out;
  for (const auto& passage : ChooseRanking(example, choice, index, epoch).passages)
    out.push_back(std::stoi(passage.text));
  return out;
}

TEST(RankingChoice, EveryEpochTakesTheNextPassages) {
  const RankingExample example = Labelled({0, 1, 0, 0, 1, 0, 0, 0, 1, 0});
  const RankingChoice choice{.passages_per_query = 4, .seed = 7};
  std::multiset<int> positives, negatives;
  // Seven negatives, three an epoch: after seven epochs each has been there three times.
  for (int64_t epoch = 0; epoch < 21; ++epoch) {
    const std::vector<int> chosen = Chosen(example, choice, 5, epoch);
    ASSERT_EQ(chosen.size(), 4u);
    EXPECT_EQ(std::set<int>(chosen.begin(), chosen.end()).size(), 4u);
    positives.insert(chosen.front());
    negatives.insert(chosen.begin() + 1, chosen.end());
  }
  for (const int i : {1, 4, 8}) EXPECT_EQ(positives.count(i), 7u);
  for (const int i : {0, 2, 3, 5, 6, 7, 9}) EXPECT_EQ(negatives.count(i), 9u);
}

TEST(RankingChoice, FollowsFromSeedEpochAndIndexAlone) {
  const RankingExample example = Labelled({1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  const RankingChoice choice{.passages_per_query = 5, .seed = 7};
  // In another order of asking, with the same results.
  std::vector<std::vector<int>> forwards, backwards;
  for (int64_t epoch = 0; epoch < 5; ++epoch) {
    for (size_t i = 0; i < 5; ++i) forwards.push_back(Chosen(example, choice, i, epoch));
  }
  for (int64_t epoch = 4; epoch >= 0; --epoch) {
    for (size_t i = 5; i-- > 0;) backwards.push_back(Chosen(example, choice, i, epoch));
  }
  std::ranges::reverse(backwards);
  EXPECT_EQ(forwards, backwards);
  EXPECT_GT(std::set(forwards.begin(), forwards.end()).size(), 20u);
  const RankingChoice other{.passages_per_query = 5, .seed = 8};
  EXPECT_NE(Chosen(example, choice, 0, 0), Chosen(example, other, 0, 0));
  // On every machine and in every version: checkpoints depend on it.
  EXPECT_THAT(Chosen(example, choice, 0, 0), ElementsAre(0, 11, 9, 2, 4));
}

TEST(RankingChoice, GradesAreComparedWithLowerOnes) {
  const RankingExample example = Labelled({3, 1, 2, 1});
  const RankingChoice choice{.passages_per_query = 4, .seed = 1};
  for (int64_t epoch = 0; epoch < 4; ++epoch) {
    const std::vector<int> chosen = Chosen(example, choice, 0, epoch);
    const std::set<int> all(chosen.begin(), chosen.end());
    EXPECT_EQ(all, chosen.front() == 0 ? (std::set{0, 1, 2, 3}) : (std::set{2, 1, 3}));
  }
}

TEST(RankingChoice, WithFewPassagesTheGroupIsSmaller) {
  const RankingChoice choice{.passages_per_query = 8, .seed = 1};
  EXPECT_EQ(Chosen(Labelled({0, 1, 0}), choice, 0, 3).size(), 3u);
}

TEST(RankingChoice, TheTeachersFirstAndADraw) {
  RankingExample example = Labelled({0, 0, 0, 0, 0});
  example.teacher_order = {3, 1, 4, 0, 2};
  const RankingChoice choice{.passages_per_query = 3, .seed = 2};
  std::set<int> drawn;
  for (int64_t epoch = 0; epoch < 4; ++epoch) {
    const RankingExample group = ChooseRanking(example, choice, 0, epoch);
    ASSERT_EQ(group.passages.size(), 3u);
    EXPECT_EQ(group.passages[0].text, "3");
    EXPECT_EQ(group.teacher_order.front(), 0);
    std::vector<size_t> places;
    for (const int32_t i : group.teacher_order) {
      const int original = std::stoi(group.passages[static_cast<size_t>(i)].text);
      places.push_back(static_cast<size_t>(std::ranges::find(example.teacher_order, original) -
                                           example.teacher_order.begin()));
    }
    EXPECT_TRUE(std::ranges::is_sorted(places));
    for (const auto& passage : group.passages) drawn.insert(std::stoi(passage.text));
  }
  EXPECT_EQ(drawn.size(), 5u);

  example.teacher_order.clear();
  for (auto& passage : example.passages) passage.teacher_score = -1;
  example.passages[2].teacher_score = 4;
  const RankingExample group = ChooseRanking(example, choice, 0, 0);
  EXPECT_EQ(group.passages[0].text, "2");
  EXPECT_THAT(group.teacher_order, IsEmpty());
}

TEST(RankingChoice, LabelsGoBeforeTheTeacher) {
  RankingExample example = Labelled({0, 0, 1});
  example.teacher_order = {0, 1, 2};
  const RankingExample group = ChooseRanking(example, {.passages_per_query = 3}, 0, 0);
  EXPECT_EQ(group.passages[0].text, "2");
  EXPECT_EQ(group.teacher_order.back(), 0);
}

TEST(RankingChoice, RefusesWhatCannotBeChosen) {
  testing::ExpectError(ErrorCode::kInvalidArgument, "passages_per_query: expected at least 2", [] {
    ChooseRanking(Labelled({1, 0}), {.passages_per_query = 1}, 0, 0);
  });
  testing::ExpectError(ErrorCode::kInvalidArgument, "the ranking of a teacher", [] {
    ChooseRanking(Labelled({0, 0}), {}, 0, 0);
  });
  testing::ExpectError(ErrorCode::kInvalidArgument, "the ranking of a teacher",
                       [] { ChooseRanking(RankingExample{}, {}, 0, 0); });
}

}  // namespace
}  // namespace dear
