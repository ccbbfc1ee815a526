#ifndef DEAR_EVAL_MEASURE_H_
#define DEAR_EVAL_MEASURE_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eval/judged_ranking.h"

namespace dear::eval {

// What may stand after the dot in `-m name.parameters`, comma separated.
enum class ParameterKind {
  kNone,
  kRanks,      // whole numbers above 0, one value each: P.5,10
  kFractions,  // numbers, one value each: iprec_at_recall.0.1,0.5
  kNumbers,    // numbers that shape the one value: set_F.2, utility.1,-1,0,0
  kGains,      // level=gain pairs that shape the one value: ndcg.1=3,2=9
};

enum class ValueKind { kReal, kInteger, kText };

// How the values of single queries become the figure for all.
enum class Summary {
  kMean,
  kSum,
  kNumRelevant,  // a sum; with -c judgements above 0 of all queries, whatever the relevance level
  kGeometricMean,
  kNumQueries,
  kTag,
  kNone
};

// The gain of a relevance level where no parameter says otherwise.
enum class GainKind {
  kLinear,       // the level itself, as trec_eval does
  kExponential,  // 2^level - 1
};

struct LevelGain {
  int64_t level = 0;
  double gain = 0;
};

struct MeasureParameters {
  std::vector<int64_t> ranks;    // kRanks: rising, no two the same
  std::vector<double> numbers;   // kFractions: rising, no two the same; kNumbers: as given
  std::vector<LevelGain> gains;  // kGains: as given
  GainKind gain = GainKind::kLinear;
};

// One query's ranking, and what the options say beside it.
struct MeasureInput {
  const JudgedRanking& ranking;
  const MeasureParameters& parameters;
  int64_t relevance_level;
  int64_t collection_size;  // -N, for utility

  bool IsRelevant(int32_t relevance) const { return relevance >= relevance_level; }
};

// Writes one value, or one for each rank or fraction; they are 0 before.
using MeasureFn = void (*)(const MeasureInput& input, double* values);

struct MeasureInfo {
  std::string_view name;
  ParameterKind parameters = ParameterKind::kNone;
  ValueKind value = ValueKind::kReal;
  Summary summary = Summary::kMean;
  bool per_query = true;  // printed for single queries
  MeasureFn compute = nullptr;
  MeasureParameters defaults = {};
  std::string_view description;
};

// All measures in the order in which trec_eval prints them.
std::span<const MeasureInfo> AllMeasures();

}  // namespace dear::eval

#endif  // DEAR_EVAL_MEASURE_H_
