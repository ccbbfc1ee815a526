#ifndef DEAR_EVAL_TREC_FORMAT_H_
#define DEAR_EVAL_TREC_FORMAT_H_

#include <string>
#include <string_view>

#include "eval/evaluation.h"

namespace dear::eval {

struct TrecFormatOptions {
  bool per_query = false;  // -q
  bool summary = true;     // no -n
  std::string_view run;    // where not empty, a fourth column
};

// The figures in trec_eval's layout: name in 22 columns, tab, query id or "all", tab, value.
std::string FormatTrec(const Evaluation& evaluation, const MeasureSet& measures,
                       const TrecFormatOptions& options);

// One value as trec_eval prints it: four decimals, a whole number, or "-nan".
std::string FormatValue(double value, ValueKind kind);

}  // namespace dear::eval

#endif  // DEAR_EVAL_TREC_FORMAT_H_
