#include "train/ranking_choice.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "base/error.h"
#include "generate/random.h"

namespace dear {
namespace {

Random RandomOf(uint64_t seed, size_t index) {
  return Random(Random(seed).Next() + index);
}

int32_t TeachersFirst(const RankingExample& example) {
  if (!example.teacher_order.empty()) return example.teacher_order.front();
  const auto score = [](const RankingPassage& passage) {
    return passage.teacher_score.value_or(-std::numeric_limits<double>::infinity());
  };
  const auto best = std::ranges::max_element(example.passages, {}, score);
  if (best == example.passages.end() || !best->teacher_score) {
    throw Error(ErrorCode::kInvalidArgument, "passages",
                "expected labels or the ranking of a teacher, found neither");
  }
  return static_cast<int32_t>(best - example.passages.begin());
}

// Those that may stand beside the first one of a group.
std::vector<int32_t> OthersOf(const RankingExample& example, int32_t first, bool by_label) {
  std::vector<int32_t> others;
  const double label = example.passages[static_cast<size_t>(first)].label;
  for (int32_t i = 0; i < static_cast<int32_t>(example.passages.size()); ++i) {
    const bool below = example.passages[static_cast<size_t>(i)].label < label;
    if (by_label ? below : i != first) others.push_back(i);
  }
  return others;
}

void Shuffle(std::vector<int32_t>* list, Random* random) {
  for (size_t i = list->size(); i > 1; --i) std::swap((*list)[i - 1], (*list)[random->Next() % i]);
}

std::vector<int32_t> ChooseIndices(const RankingExample& example, const RankingChoice& choice,
                                   size_t index, uint64_t epoch) {
  Random random = RandomOf(choice.seed, index);
  const std::vector<int32_t> positives = UsablePositives(example);
  const bool by_label = !positives.empty();
  const size_t turn = static_cast<size_t>(random.Next() >> 1) + epoch;
  const int32_t first = by_label ? positives[turn % positives.size()] : TeachersFirst(example);
  std::vector<int32_t> others = OthersOf(example, first, by_label);
  Shuffle(&others, &random);
  std::vector<int32_t> chosen = {first};
  const size_t wanted = std::min(static_cast<size_t>(choice.passages_per_query - 1), others.size());
  for (size_t i = 0; i < wanted; ++i)
    chosen.push_back(others[(epoch * wanted + i) % others.size()]);
  return chosen;
}

// The teacher's order with the passages that were not chosen left out.
std::vector<int32_t> OrderOf(const std::vector<int32_t>& chosen,
                             const std::vector<int32_t>& teacher_order) {
  if (teacher_order.empty()) return {};
  std::vector<size_t> place(teacher_order.size());
  for (size_t i = 0; i < teacher_order.size(); ++i)
    place[static_cast<size_t>(teacher_order[i])] = i;
  std::vector<int32_t> order(chosen.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, {}, [&](int32_t i) {
    return place[static_cast<size_t>(chosen[static_cast<size_t>(i)])];
  });
  return order;
}

}  // namespace

RankingExample ChooseRanking(RankingExample example, const RankingChoice& choice, size_t index,
                             int64_t epoch) {
  if (choice.passages_per_query < 2) {
    throw Error(ErrorCode::kInvalidArgument, "passages_per_query",
                "expected at least 2, found " + std::to_string(choice.passages_per_query));
  }
  const std::vector<int32_t> chosen =
      ChooseIndices(example, choice, index, static_cast<uint64_t>(epoch));
  RankingExample out;
  out.query = std::move(example.query);
  for (const int32_t i : chosen)
    out.passages.push_back(std::move(example.passages[static_cast<size_t>(i)]));
  out.teacher_order = OrderOf(chosen, example.teacher_order);
  return out;
}

}  // namespace dear
