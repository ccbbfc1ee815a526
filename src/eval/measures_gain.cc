// Measures of graded relevance: each level has a gain, and a ranking is held against the ideal one,
// which lists all judged documents by falling gain.
#include <algorithm>
#include <cmath>
#include <iterator>

#include "eval/measure_functions.h"

namespace dear::eval {
namespace {

// log2(rank + 1) for the document at index rank - 1.
double Discount(int64_t index) {
  static const std::vector<double> kTable = [] {
    std::vector<double> table;
    table.reserve(4096);
    for (int i = 0; i < 4096; ++i) table.push_back(std::log2(static_cast<double>(i + 2)));
    return table;
  }();
  if (index < static_cast<int64_t>(kTable.size())) return kTable[static_cast<size_t>(index)];
  return std::log2(static_cast<double>(index + 2));
}

struct Level {
  int64_t level = 0;
  double gain = 0;
  int64_t count = 0;  // judged documents
};

// trec_eval subtracts gains and cuts the difference to an int, so gains that differ by less than 1
// are equal to it. That is no order, and what becomes of the list depends on the sorting algorithm:
// it is glibc's merge sort, repeated here.
bool TakesLeft(const Level& left, const Level& right) {
  const double difference = left.gain - right.gain;
  constexpr double kIntLimit = 2147483648.0;
  if (!(difference > -kIntLimit && difference < kIntLimit)) return true;  // becomes INT_MIN
  return static_cast<int>(difference) <= 0;
}

void MergeSort(std::vector<Level>& levels, size_t begin, size_t end) {
  if (end - begin < 2) return;
  const size_t middle = begin + (end - begin) / 2;
  MergeSort(levels, begin, middle);
  MergeSort(levels, middle, end);
  std::vector<Level> merged;
  merged.reserve(end - begin);
  size_t a = begin;
  size_t b = middle;
  while (a < middle && b < end)
    merged.push_back(TakesLeft(levels[a], levels[b]) ? levels[a++] : levels[b++]);
  while (a < middle) merged.push_back(levels[a++]);
  std::ranges::copy(merged, levels.begin() + static_cast<std::ptrdiff_t>(begin));
  // What is left of the right half stands where it belongs.
}

// The gains of a topic's levels, lowest first, and the ideal ranking that follows from them.
class Gains {
 public:
  explicit Gains(const MeasureInput& input) : of_level_(2, 0.0) {
    const std::vector<int64_t>& counts = *input.ranking.level_counts;
    const MeasureParameters& parameters = input.parameters;
    for (const LevelGain& given : parameters.gains) levels_.push_back({given.level, given.gain, 0});
    for (size_t i = 0; i < counts.size(); ++i) {
      const auto level = static_cast<int64_t>(i);
      const auto given = parameters.gains.empty()
                             ? levels_.end()
                             : std::ranges::find(levels_, level, &Level::level);
      if (given != levels_.end()) {
        given->count = counts[i];
      } else {
        levels_.push_back({level, DefaultGain(level, parameters.gain), counts[i]});
      }
    }
    if (!parameters.gains.empty()) MergeSort(levels_, 0, levels_.size());
    FillTable(counts.size());
    next_ = static_cast<int64_t>(levels_.size()) - 1;
  }

  static double DefaultGain(int64_t level, GainKind kind) {
    if (kind == GainKind::kLinear) return static_cast<double>(level);
    return std::exp2(static_cast<double>(level)) - 1.0;
  }

  double Of(int32_t relevance) const {
    return of_level_[static_cast<size_t>(int64_t{relevance} + 2)];
  }

  // The gain at the next rank of the ideal ranking; 0 and less when it has no more.
  double IdealGain() const { return next_ >= 0 ? levels_[static_cast<size_t>(next_)].gain : 0.0; }
  void Advance() {
    ++at_level_;
    while (next_ >= 0 && at_level_ > levels_[static_cast<size_t>(next_)].count) {
      at_level_ = 1;
      --next_;
    }
  }

 private:
  void FillTable(size_t num_levels) {
    of_level_.resize(2 + num_levels, 0.0);
    std::vector<bool> known(of_level_.size());
    for (const Level& level : levels_) {
      if (level.level < -2 || level.level >= static_cast<int64_t>(num_levels)) continue;
      const auto slot = static_cast<size_t>(level.level + 2);
      if (!known[slot]) of_level_[slot] = level.gain;
      known[slot] = true;
    }
  }

  std::vector<Level> levels_;
  std::vector<double> of_level_;  // by level + 2: documents that are not judged have a place
  int64_t next_ = -1;
  int64_t at_level_ = 0;
};

}  // namespace

void Ndcg(const MeasureInput& input, double* values) {
  Gains gains(input);
  double dcg = 0.0;
  const std::vector<int32_t>& relevances = input.ranking.relevances;
  for (size_t i = 0; i < relevances.size(); ++i) {
    const double gain = gains.Of(relevances[i]);
    if (gain != 0) dcg += gain / Discount(static_cast<int64_t>(i));
  }
  double ideal_dcg = 0.0;
  for (int64_t i = 0; gains.IdealGain() > 0.0; ++i) {
    gains.Advance();
    if (gains.IdealGain() > 0.0) ideal_dcg += gains.IdealGain() / Discount(i);
  }
  if (ideal_dcg > 0.0) values[0] = dcg / ideal_dcg;
}

void NdcgAtCutoffs(const MeasureInput& input, double* values) {
  const std::vector<int32_t>& relevances = input.ranking.relevances;
  const std::vector<int64_t>& cutoffs = input.parameters.ranks;
  const GainKind kind = input.parameters.gain;
  double dcg = 0.0;
  size_t at = 0;
  for (size_t c = 0; c < cutoffs.size(); ++c) {
    const size_t end = std::min(static_cast<size_t>(cutoffs[c]), relevances.size());
    for (; at < end; ++at) {
      if (relevances[at] > 0)
        dcg += Gains::DefaultGain(relevances[at], kind) / Discount(static_cast<int64_t>(at));
    }
    values[c] = dcg;
  }
  const std::vector<int64_t>& counts = *input.ranking.level_counts;
  double ideal_dcg = 0.0;
  int64_t i = 0;
  size_t c = 0;
  for (auto level = static_cast<int64_t>(counts.size()) - 1; level > 0; --level) {
    const double gain = Gains::DefaultGain(level, kind);
    const int64_t end = i + counts[static_cast<size_t>(level)];
    for (; i < end && c < cutoffs.size(); ++i) {
      if (i == cutoffs[c]) {
        values[c++] /= ideal_dcg;
        if (c == cutoffs.size()) return;
      }
      ideal_dcg += gain / Discount(i);
    }
  }
  for (; c < cutoffs.size() && ideal_dcg > 0.0; ++c) values[c] /= ideal_dcg;
}

void NdcgAtRelevant(const MeasureInput& input, double* values) {
  Gains gains(input);
  const std::vector<int32_t>& relevances = input.ranking.relevances;
  double dcg = 0.0;
  double ideal_dcg = 0.0;
  double sum = 0.0;
  int64_t num_retrieved = 0;
  int64_t num_ideal = 0;
  int64_t i = 0;
  const auto advance_ideal = [&] {
    gains.Advance();
    if (!(gains.IdealGain() > 0.0)) return;
    ++num_ideal;
    ideal_dcg += gains.IdealGain() / Discount(i);
  };
  for (; i < input.ranking.num_retrieved(); ++i) {
    const double gain = gains.Of(relevances[static_cast<size_t>(i)]);
    if (gain != 0) dcg += gain / Discount(i);
    if (gains.IdealGain() > 0.0) advance_ideal();
    if (gain > 0) {
      sum += dcg / ideal_dcg;
      ++num_retrieved;
    }
  }
  for (; gains.IdealGain() > 0.0; ++i) advance_ideal();
  sum += static_cast<double>(num_ideal - num_retrieved) * dcg / ideal_dcg;
  if (sum > 0.0) values[0] = sum / static_cast<double>(num_ideal);
}

void NdcgAtLevels(const MeasureInput& input, double* values) {
  if (input.ranking.num_relevant == 0) return;
  Gains gains(input);
  const std::vector<int32_t>& relevances = input.ranking.relevances;
  const int64_t num_retrieved = input.ranking.num_retrieved();
  double dcg = 0.0;
  double ideal_dcg = 0.0;
  double last_gain = gains.IdealGain();
  double sum = 0.0;
  int64_t num_points = 0;
  const auto take_point = [&] {
    if (!(ideal_dcg > 0.0)) return;
    sum += dcg / ideal_dcg;
    ++num_points;
  };
  const auto advance_ideal = [&] {
    gains.Advance();
    if (gains.IdealGain() != last_gain) take_point();
    last_gain = gains.IdealGain();
  };
  int64_t i = 0;
  for (; i < num_retrieved && gains.IdealGain() > 0.0; ++i) {
    advance_ideal();
    const double gain = gains.Of(relevances[static_cast<size_t>(i)]);
    if (gain != 0) dcg += gain / Discount(i);
    if (gains.IdealGain() > 0.0) ideal_dcg += gains.IdealGain() / Discount(i);
  }
  if (i < num_retrieved) {
    for (; i < num_retrieved; ++i) {
      const double gain = gains.Of(relevances[static_cast<size_t>(i)]);
      if (gain != 0) dcg += gain / Discount(i);
    }
    take_point();
  }
  for (; gains.IdealGain() > 0.0; ++i) {
    advance_ideal();
    if (gains.IdealGain() > 0.0) ideal_dcg += gains.IdealGain() / Discount(i);
  }
  values[0] = sum / static_cast<double>(num_points);
}

void NormalizedG(const MeasureInput& input, double* values) {
  constexpr double kMinCost = 1.0;
  Gains gains(input);
  double g = 0.0;
  double sum_gain = 0.0;
  double sum_ideal = 0.0;
  double sum_cost = 0.0;
  for (const int32_t relevance : input.ranking.relevances) {
    const double gain = gains.Of(relevance);
    sum_gain += gain;
    double cost = kMinCost;
    if (gains.IdealGain() > 0.0) {
      gains.Advance();
      if (gains.IdealGain() > 0.0) sum_ideal += gains.IdealGain();
      cost = gains.IdealGain() >= kMinCost ? gains.IdealGain() : kMinCost;
    }
    sum_cost += cost;
    if (gain != 0) g += gain / std::log2(2 + sum_cost - sum_gain);
  }
  while (gains.IdealGain() > 0.0) {
    gains.Advance();
    if (gains.IdealGain() > 0.0) sum_ideal += gains.IdealGain();
  }
  if (sum_ideal > 0.0) values[0] = g / sum_ideal;
}

}  // namespace dear::eval
