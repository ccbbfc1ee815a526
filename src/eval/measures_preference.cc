// Measures for incomplete judgements: they leave out documents that nobody judged.
#include <algorithm>
#include <cmath>

#include "eval/measure_functions.h"

namespace dear::eval {
namespace {

double BprefOf(const MeasureInput& input) {
  const JudgedRanking& r = input.ranking;
  int64_t num_nonrelevant = 0;
  for (size_t level = 0; level < r.level_counts->size(); ++level) {
    if (static_cast<int64_t>(level) < input.relevance_level)
      num_nonrelevant += (*r.level_counts)[level];
  }
  int64_t above = 0;  // judged documents that are not relevant, so far
  double bpref = 0.0;
  for (const int32_t relevance : r.relevances) {
    if (relevance < 0) continue;
    if (!input.IsRelevant(relevance)) {
      ++above;
    } else if (above > 0) {
      bpref += 1.0 - static_cast<double>(std::min(above, r.num_relevant)) /
                         static_cast<double>(std::min(num_nonrelevant, r.num_relevant));
    } else {
      bpref += 1.0;
    }
  }
  if (r.num_relevant != 0) bpref /= static_cast<double>(r.num_relevant);
  return bpref;
}

}  // namespace

void Bpref(const MeasureInput& input, double* values) {
  values[0] = BprefOf(input);
}

void LogBpref(const MeasureInput& input, double* values) {
  values[0] = std::log(std::max(BprefOf(input), kMinGeometricMean));
}

void InferredAp(const MeasureInput& input, double* values) {
  constexpr double kEpsilon = .00001;
  const JudgedRanking& r = input.ranking;
  int64_t relevant = 0;
  int64_t nonrelevant = 0;
  int64_t unjudged = 0;
  double sum = 0.0;
  for (size_t i = 0; i < r.relevances.size(); ++i) {
    const int32_t relevance = r.relevances[i];
    if (relevance == kNotInPool) continue;
    if (relevance == kPoolUnjudged) {
      ++unjudged;
      continue;
    }
    if (!input.IsRelevant(relevance)) {
      ++nonrelevant;
      continue;
    }
    ++relevant;
    if (i == 0) {
      sum += 1.0;
      continue;
    }
    const auto above = static_cast<double>(i);
    const auto others = static_cast<double>(relevant - 1);
    sum += 1.0 / (above + 1.0) +
           (above / (above + 1.0)) *
               (static_cast<double>(relevant - 1 + nonrelevant + unjudged) / above) *
               ((others + kEpsilon) /
                (static_cast<double>(relevant - 1 + nonrelevant) + 2 * kEpsilon));
  }
  if (r.num_relevant != 0) sum /= static_cast<double>(r.num_relevant);
  values[0] = sum;
}

}  // namespace dear::eval
