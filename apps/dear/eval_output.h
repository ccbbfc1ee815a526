#ifndef DEAR_APPS_DEAR_EVAL_OUTPUT_H_
#define DEAR_APPS_DEAR_EVAL_OUTPUT_H_

#include <string>
#include <vector>

#include "base/json.h"
#include "eval/evaluation.h"
#include "eval/measure_set.h"
#include "terminal.h"

namespace dear::app {

// Names of runs as short as they stay different: file names, whole paths where those repeat.
std::vector<std::string> RunNames(const std::vector<eval::Evaluation>& evaluations);

// The summaries side by side, the best of each measure marked.
std::string EvaluationTable(const std::vector<eval::Evaluation>& evaluations,
                            const eval::MeasureSet& measures, const Terminal& terminal);

// One run: file, tag, queries, summary, and the single queries' values where asked for.
OrderedJson EvaluationJson(const eval::Evaluation& evaluation, const eval::MeasureSet& measures,
                           bool per_query);

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_EVAL_OUTPUT_H_
