// Measures made of precision and recall at ranks, with binary relevance.
#include <algorithm>
#include <cmath>

#include "eval/measure_functions.h"

namespace dear::eval {
namespace {

// Sum of the precisions at the relevant documents retrieved; their number in *found.
double SumOfPrecisions(const MeasureInput& input, int64_t* found) {
  const std::vector<int32_t>& relevances = input.ranking.relevances;
  double sum = 0.0;
  *found = 0;
  for (size_t i = 0; i < relevances.size(); ++i) {
    if (!input.IsRelevant(relevances[i])) continue;
    ++*found;
    sum += static_cast<double>(*found) / static_cast<double>(i + 1);
  }
  return sum;
}

// Calls value(found, cutoff) for each rank cutoff with the number of relevant documents above it,
// and stores what it returns. Ranks beyond the ranking hold nothing relevant.
template <typename ValueFn>
void AtCutoffs(const MeasureInput& input, double* values, const ValueFn& value) {
  const std::vector<int32_t>& relevances = input.ranking.relevances;
  int64_t found = 0;
  size_t at = 0;
  for (const int64_t cutoff : input.parameters.ranks) {
    const size_t end = std::min(static_cast<size_t>(cutoff), relevances.size());
    for (; at < end; ++at) found += input.IsRelevant(relevances[at]) ? 1 : 0;
    *values++ = value(found, cutoff);
  }
}

// Recall levels as numbers of relevant documents. The 0.9 rounds up: half of three documents are
// two.
std::vector<int64_t> DocumentsAtRecall(const MeasureInput& input) {
  std::vector<int64_t> cutoffs;
  for (const double fraction : input.parameters.numbers) {
    const double documents = fraction * static_cast<double>(input.ranking.num_relevant) + 0.9;
    cutoffs.push_back(static_cast<int64_t>(std::clamp(documents, -9e15, 9e15)));
  }
  return cutoffs;
}

// The highest precision at any rank from each recall level on, from the last level to the first;
// calls store(index, precision). Levels that are not reached are left out.
template <typename StoreFn>
void AtRecallLevels(const MeasureInput& input, const StoreFn& store) {
  const JudgedRanking& r = input.ranking;
  const std::vector<int64_t> cutoffs = DocumentsAtRecall(input);
  auto level = static_cast<int64_t>(cutoffs.size()) - 1;
  const auto cutoff = [&] { return cutoffs[static_cast<size_t>(level)]; };
  while (level >= 0 && cutoff() > r.num_relevant_retrieved) --level;
  int64_t found = r.num_relevant_retrieved;
  // Nothing retrieved makes this 0/0, which trec_eval prints.
  double best = static_cast<double>(found) / static_cast<double>(r.num_retrieved());
  for (int64_t i = r.num_retrieved(); i > 0 && found > 0; --i) {
    best = std::max(best, static_cast<double>(found) / static_cast<double>(i));
    if (!input.IsRelevant(r.relevances[static_cast<size_t>(i - 1)])) continue;
    for (; level >= 0 && found == cutoff(); --level) store(static_cast<size_t>(level), best);
    --found;
  }
  for (; level >= 0; --level) store(static_cast<size_t>(level), best);
}

}  // namespace

void Map(const MeasureInput& input, double* values) {
  int64_t found = 0;
  const double sum = SumOfPrecisions(input, &found);
  if (found > 0) values[0] = sum / static_cast<double>(input.ranking.num_relevant);
}

void LogMap(const MeasureInput& input, double* values) {
  int64_t found = 0;
  double sum = SumOfPrecisions(input, &found);
  if (found > 0) sum = sum / static_cast<double>(input.ranking.num_relevant);
  values[0] = std::log(std::max(sum, kMinGeometricMean));
}

void MapAtCutoffs(const MeasureInput& input, double* values) {
  const JudgedRanking& r = input.ranking;
  if (r.num_relevant == 0) return;
  int64_t found = 0;
  double sum = 0.0;
  size_t at = 0;
  for (const int64_t cutoff : input.parameters.ranks) {
    const size_t end = std::min(static_cast<size_t>(cutoff), r.relevances.size());
    for (; at < end; ++at) {
      if (!input.IsRelevant(r.relevances[at])) continue;
      ++found;
      sum += static_cast<double>(found) / static_cast<double>(at + 1);
    }
    *values++ = sum / static_cast<double>(r.num_relevant);
  }
}

void Yaap(const MeasureInput& input, double* values) {
  int64_t found = 0;
  const double sum = SumOfPrecisions(input, &found);
  values[0] = std::log((1.0 + sum) / (1.0 + static_cast<double>(input.ranking.num_relevant) - sum));
}

void RPrecision(const MeasureInput& input, double* values) {
  const JudgedRanking& r = input.ranking;
  const int64_t end = std::min(r.num_retrieved(), r.num_relevant);
  if (end == 0) return;
  int64_t found = 0;
  for (int64_t i = 0; i < end; ++i)
    found += input.IsRelevant(r.relevances[static_cast<size_t>(i)]) ? 1 : 0;
  values[0] = static_cast<double>(found) / static_cast<double>(r.num_relevant);
}

void RPrecisionMultiples(const MeasureInput& input, double* values) {
  const JudgedRanking& r = input.ranking;
  const std::vector<int64_t> cutoffs = DocumentsAtRecall(input);
  auto level = static_cast<int64_t>(cutoffs.size()) - 1;
  const auto cutoff = [&] { return cutoffs[static_cast<size_t>(level)]; };
  int64_t found = r.num_relevant_retrieved;
  for (; level >= 0 && cutoff() > r.num_retrieved(); --level)
    values[level] = static_cast<double>(found) / static_cast<double>(cutoff());
  for (int64_t i = r.num_retrieved(); i > 0 && found > 0; --i) {
    for (; level >= 0 && i == cutoff(); --level)
      values[level] = static_cast<double>(found) / static_cast<double>(i);
    if (input.IsRelevant(r.relevances[static_cast<size_t>(i - 1)])) --found;
  }
}

void ReciprocalRank(const MeasureInput& input, double* values) {
  const std::vector<int32_t>& relevances = input.ranking.relevances;
  for (size_t i = 0; i < relevances.size(); ++i) {
    if (!input.IsRelevant(relevances[i])) continue;
    values[0] = 1.0 / static_cast<double>(i + 1);
    return;
  }
}

void PrecisionAtCutoffs(const MeasureInput& input, double* values) {
  AtCutoffs(input, values, [](int64_t found, int64_t cutoff) {
    return static_cast<double>(found) / static_cast<double>(cutoff);
  });
}

void RelativePrecisionAtCutoffs(const MeasureInput& input, double* values) {
  const int64_t relevant = input.ranking.num_relevant;
  if (relevant == 0) return;
  AtCutoffs(input, values, [relevant](int64_t found, int64_t cutoff) {
    return static_cast<double>(found) / static_cast<double>(std::min(cutoff, relevant));
  });
}

void RecallAtCutoffs(const MeasureInput& input, double* values) {
  const int64_t relevant = input.ranking.num_relevant;
  if (relevant == 0) return;
  AtCutoffs(input, values, [relevant](int64_t found, int64_t) {
    return static_cast<double>(found) / static_cast<double>(relevant);
  });
}

void SuccessAtCutoffs(const MeasureInput& input, double* values) {
  AtCutoffs(input, values, [](int64_t found, int64_t) { return found > 0 ? 1.0 : 0.0; });
}

void InterpolatedPrecision(const MeasureInput& input, double* values) {
  AtRecallLevels(input, [values](size_t level, double precision) { values[level] = precision; });
}

void ElevenPointAverage(const MeasureInput& input, double* values) {
  double sum = 0.0;
  AtRecallLevels(input, [&sum](size_t, double precision) { sum += precision; });
  values[0] = sum / static_cast<double>(input.parameters.numbers.size());
}

void BinaryG(const MeasureInput& input, double* values) {
  const std::vector<int32_t>& relevances = input.ranking.relevances;
  int64_t found = 0;
  double sum = 0.0;
  for (size_t i = 0; i < relevances.size(); ++i) {
    if (!input.IsRelevant(relevances[i])) continue;
    ++found;
    sum += 1.0 / std::log2(static_cast<double>(3 + static_cast<int64_t>(i) - found));
  }
  if (found > 0) values[0] = sum / static_cast<double>(input.ranking.num_relevant);
}

}  // namespace dear::eval
