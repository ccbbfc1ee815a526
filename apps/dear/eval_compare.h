#ifndef DEAR_APPS_DEAR_EVAL_COMPARE_H_
#define DEAR_APPS_DEAR_EVAL_COMPARE_H_

#include <string>
#include <vector>

#include "base/json.h"
#include "eval/comparison.h"
#include "terminal.h"

namespace dear::app {

// A comparison for people: for each run its measures with tests, and the queries gained and lost
// most. names[0] is the base.
std::string ComparisonText(const eval::Comparison& comparison,
                           const std::vector<std::string>& names, const Terminal& terminal);

// The same in full for programs.
OrderedJson ComparisonJson(const eval::Comparison& comparison);

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_EVAL_COMPARE_H_
