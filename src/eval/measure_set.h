#ifndef DEAR_EVAL_MEASURE_SET_H_
#define DEAR_EVAL_MEASURE_SET_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "eval/measure.h"

namespace dear::eval {

// One value that is printed for a query or for all.
struct MeasureColumn {
  std::string name;  // as printed: "ndcg_cut_10"
  const MeasureInfo* info = nullptr;
};

// A measure with its parameters; its values stand in `num_columns` columns from `first_column` on.
struct RequestedMeasure {
  const MeasureInfo* info = nullptr;
  MeasureParameters parameters;
  size_t first_column = 0;
  size_t num_columns = 0;
};

// The measures that were asked for, in the order in which trec_eval prints them.
class MeasureSet {
 public:
  // Each request is a name of trec_eval's with or without parameters ("map", "P.5,10",
  // "ndcg.1=3,2=9"), one of its groups ("official", "set", "all_trec"), or a name as it is printed
  // ("ndcg_cut_10"). None at all means "official". Parameters of several requests for one measure
  // are taken together and replace its defaults. `gain` is for the levels that no parameter names.
  // Throws Error kInvalidArgument that names the request.
  static MeasureSet Parse(std::span<const std::string> requests, GainKind gain);

  const std::vector<RequestedMeasure>& measures() const { return measures_; }
  const std::vector<MeasureColumn>& columns() const { return columns_; }

 private:
  std::vector<RequestedMeasure> measures_;
  std::vector<MeasureColumn> columns_;
};

}  // namespace dear::eval

#endif  // DEAR_EVAL_MEASURE_SET_H_
