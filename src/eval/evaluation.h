#ifndef DEAR_EVAL_EVALUATION_H_
#define DEAR_EVAL_EVALUATION_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/thread_pool.h"
#include "eval/judged_ranking.h"
#include "eval/measure_set.h"
#include "eval/qrels.h"
#include "eval/run.h"

namespace dear::eval {

struct EvaluationOptions {
  JudgingOptions judging;
  bool complete = false;        // -c: queries that the run lacks count as nothing retrieved
  int64_t collection_size = 0;  // -N
};

// A run's values. `values` has a row for each query and a column for each of the MeasureSet's;
// columns of text (relstring) stand in `texts` under the same index and are 0 here.
struct Evaluation {
  std::string run;                   // the file
  std::string tag;                   // the run's own name
  std::vector<std::string> qids;     // evaluated: judged and retrieved; sorted byte by byte
  std::vector<double> values;        // [queries, columns]
  std::vector<std::string> texts;    // [queries, columns], empty when no column is a text
  std::vector<double> summary;       // [columns]
  std::vector<QueryFacts> facts;     // [queries], empty when the run tells none
  int64_t num_queries = 0;           // averaged over
  std::vector<std::string> missing;  // judged, not retrieved
  int64_t num_unjudged_queries = 0;  // retrieved, not judged
  int64_t num_in_pool = 0;           // documents retrieved that the qrels name
  size_t num_columns = 0;

  double Value(size_t query, size_t column) const { return values[query * num_columns + column]; }
};

// Evaluates a run on all queries that it shares with the qrels, as trec_eval 9 does. Throws Error
// kInvalidFormat for a document retrieved or judged twice (see Judge), and kInvalidArgument where
// run and qrels share no query. The result does not depend on the pool.
Evaluation Evaluate(const Run& run, const Qrels& qrels, const MeasureSet& measures,
                    const EvaluationOptions& options, ThreadPool* pool = nullptr);

}  // namespace dear::eval

#endif  // DEAR_EVAL_EVALUATION_H_
