#ifndef DEAR_EVAL_FACT_SUMMARY_H_
#define DEAR_EVAL_FACT_SUMMARY_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "eval/run.h"

namespace dear::eval {

// The q-quantile (0 to 1) of sorted values, linear between neighbours, as numpy.quantile; 0 of
// none.
double Quantile(std::span<const double> sorted, double q);

// How a run's answers were repaired and how long its queries took.
struct FactSummary {
  std::vector<std::pair<std::string, int64_t>> repairs;  // "ok" first, then by falling count
  int64_t num_repairs_told = 0;
  std::vector<double> seconds;  // sorted
  double total_seconds = 0;

  explicit FactSummary(std::span<const QueryFacts> facts);
  bool empty() const { return num_repairs_told == 0 && seconds.empty(); }
};

}  // namespace dear::eval

#endif  // DEAR_EVAL_FACT_SUMMARY_H_
