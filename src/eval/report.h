#ifndef DEAR_EVAL_REPORT_H_
#define DEAR_EVAL_REPORT_H_

#include <optional>
#include <string>
#include <vector>

#include "eval/comparison.h"
#include "eval/evaluation.h"
#include "eval/measure_set.h"

namespace dear::eval {

// What a report is made of. Where there is a comparison, the first evaluation is the base and the
// others stand in the comparison's order.
struct ReportInput {
  std::string qrels;
  std::vector<std::string> conditions;  // options that shape the figures, as sentences
  MeasureSet measures;
  std::vector<Evaluation> evaluations;
  std::vector<std::string> names;  // of the runs, short
  std::optional<Comparison> comparison;
  std::string focus;  // the column whose queries are shown first; the first one where it is none
};

// One self-contained HTML page: no scripts, no resources from elsewhere, light and dark, narrow
// screens. The same input gives the same bytes.
std::string HtmlReport(const ReportInput& input);

// The same figures as Markdown that reads well in a terminal.
std::string MarkdownReport(const ReportInput& input);

}  // namespace dear::eval

#endif  // DEAR_EVAL_REPORT_H_
