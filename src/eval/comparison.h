#ifndef DEAR_EVAL_COMPARISON_H_
#define DEAR_EVAL_COMPARISON_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "eval/evaluation.h"
#include "eval/measure_set.h"

namespace dear::eval {

struct ComparisonOptions {
  bool complete = false;      // compare on all judged queries: one that a run lacks counts as 0
  int64_t resamples = 10000;  // of the randomisation test
  uint64_t seed = 1;
  size_t num_extremes = 10;  // queries gained and lost most that are listed
};

struct QueryDifference {
  std::string qid;
  double base = 0;
  double run = 0;

  double difference() const { return run - base; }
};

// p-values of one test: as it came out, and by Holm's correction over all runs and measures of the
// comparison.
struct TestedP {
  double p = 1;
  double corrected = 1;
};

// One run against the base by one measure.
struct MeasureComparison {
  size_t column = 0;  // in the MeasureSet
  std::string measure;
  double base_mean = 0;  // over the compared queries
  double run_mean = 0;
  int64_t wins = 0;  // queries where the run is better; ties within 1e-9
  int64_t ties = 0;
  int64_t losses = 0;
  TestedP t_test;
  TestedP wilcoxon;
  TestedP randomisation;
  std::vector<QueryDifference> differences;  // every query, best gain first
};

struct RunComparison {
  std::string run;
  int64_t num_queries = 0;   // compared
  int64_t num_left_out = 0;  // in one of the two only
  std::vector<MeasureComparison> measures;
};

struct Comparison {
  std::string base;
  ComparisonOptions options;
  std::vector<RunComparison> runs;
};

// Compares runs with a base, query by query, by every measure that is a mean over queries. All are
// evaluated on the same qrels with the same measures. Throws Error kInvalidArgument where a run and
// the base share no query, or where no measure is a mean.
Comparison Compare(const Evaluation& base, std::span<const Evaluation> runs,
                   const MeasureSet& measures, const ComparisonOptions& options,
                   ThreadPool* pool = nullptr);

// The first and last queries of `differences`: gains above 0, and losses below 0 with the worst
// first; at most `most` of each.
std::vector<QueryDifference> Gained(const MeasureComparison& comparison, size_t most);
std::vector<QueryDifference> Lost(const MeasureComparison& comparison, size_t most);

// "***", "**", "*" or "" for p below .001, .01, .05.
std::string SignificanceMark(double p);

}  // namespace dear::eval

#endif  // DEAR_EVAL_COMPARISON_H_
