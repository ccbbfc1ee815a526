#ifndef DEAR_EVAL_RUN_PARSERS_H_
#define DEAR_EVAL_RUN_PARSERS_H_

#include <string_view>

#include "base/thread_pool.h"
#include "eval/run.h"
#include "eval/text_source.h"

namespace dear::eval {

// The forms that Run::Parse tells apart. What they return points into the source.
RunParts ParseTrecRun(const TextSource& source, ThreadPool* pool);
RunParts ParseJsonRun(const TextSource& source);

// The score in a column: the nearest double, rounded to a float, as trec_eval does. False where the
// column is no finite number.
bool ParseScore(std::string_view column, float* score);

}  // namespace dear::eval

#endif  // DEAR_EVAL_RUN_PARSERS_H_
