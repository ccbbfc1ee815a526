// Counts, and measures of the retrieved set whatever its order.
#include <algorithm>

#include "eval/measure_functions.h"

namespace dear::eval {

void NumRetrieved(const MeasureInput& input, double* values) {
  values[0] = static_cast<double>(input.ranking.num_retrieved());
}

void NumRelevant(const MeasureInput& input, double* values) {
  values[0] = static_cast<double>(input.ranking.num_relevant);
}

void NumRelevantRetrieved(const MeasureInput& input, double* values) {
  values[0] = static_cast<double>(input.ranking.num_relevant_retrieved);
}

void NumNonrelevantJudgedRetrieved(const MeasureInput& input, double* values) {
  const JudgedRanking& r = input.ranking;
  values[0] = static_cast<double>(r.num_retrieved() - r.num_not_in_pool - r.num_pool_unjudged -
                                  r.num_relevant_retrieved);
}

void NumQueries(const MeasureInput& /*input*/, double* values) {
  values[0] = 1;
}

void Utility(const MeasureInput& input, double* values) {
  const JudgedRanking& r = input.ranking;
  const std::vector<double>& p = input.parameters.numbers;
  const int64_t retrieved = r.num_retrieved();
  const int64_t hits = r.num_relevant_retrieved;
  values[0] = p[0] * static_cast<double>(hits) + p[1] * static_cast<double>(retrieved - hits) +
              p[2] * static_cast<double>(r.num_relevant - hits) +
              p[3] * static_cast<double>(input.collection_size + hits - retrieved - r.num_relevant);
}

void SetPrecision(const MeasureInput& input, double* values) {
  const JudgedRanking& r = input.ranking;
  if (r.num_retrieved() == 0) return;
  values[0] =
      static_cast<double>(r.num_relevant_retrieved) / static_cast<double>(r.num_retrieved());
}

void SetRelativePrecision(const MeasureInput& input, double* values) {
  const JudgedRanking& r = input.ranking;
  if (r.num_retrieved() == 0 || r.num_relevant == 0) return;
  values[0] = static_cast<double>(r.num_relevant_retrieved) /
              static_cast<double>(std::min(r.num_retrieved(), r.num_relevant));
}

void SetRecall(const MeasureInput& input, double* values) {
  const JudgedRanking& r = input.ranking;
  if (r.num_relevant == 0) return;
  values[0] = static_cast<double>(r.num_relevant_retrieved) / static_cast<double>(r.num_relevant);
}

void SetMap(const MeasureInput& input, double* values) {
  const JudgedRanking& r = input.ranking;
  if (r.num_retrieved() == 0 || r.num_relevant == 0) return;
  const auto hits = static_cast<double>(r.num_relevant_retrieved);
  values[0] = (hits * hits) /
              (static_cast<double>(r.num_retrieved()) * static_cast<double>(r.num_relevant));
}

void SetF(const MeasureInput& input, double* values) {
  const JudgedRanking& r = input.ranking;
  if (r.num_relevant_retrieved == 0) return;
  const auto hits = static_cast<double>(r.num_relevant_retrieved);
  const double precision = hits / static_cast<double>(r.num_retrieved());
  const double recall = hits / static_cast<double>(r.num_relevant);
  const double x = input.parameters.numbers[0];
  values[0] = (x + 1.0) * precision * recall / (x * precision + recall);
}

std::string RelevanceString(const MeasureInput& input) {
  const std::vector<int32_t>& relevances = input.ranking.relevances;
  const double wanted = std::clamp(input.parameters.numbers[0], 0.0, 1e15);
  const size_t length = std::min(static_cast<size_t>(wanted), relevances.size());
  std::string out;
  for (size_t i = 0; i < length; ++i) {
    const int32_t relevance = relevances[i];
    if (relevance > 9) {
      out += '>';
    } else if (relevance >= 0) {
      out += static_cast<char>('0' + relevance);
    } else {
      out += relevance == kNotInPool ? '-' : '.';
    }
  }
  return out;
}

}  // namespace dear::eval
