#ifndef DEAR_API_TRAINING_MEASURE_H_
#define DEAR_API_TRAINING_MEASURE_H_

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "base/progress.h"
#include "eval/measure_set.h"
#include "eval/qrels.h"
#include "rank/model_language_model.h"
#include "rank/reranker.h"
#include "train/train_config.h"

namespace dear {

// How well an adapter in training ranks: the queries of a jobs file go through the recipe that will
// serve it, and their orders are held against judgements.
class TrainingMeasure {
 public:
  // eval_jobs, eval_qrels and eval_measure of the configuration. The adapter of `parts` is read as
  // it is at each Measure. Throws the errors of the files; kInvalidArgument where they share no
  // query, the measure is not known or recipe and model do not fit.
  TrainingMeasure(const TrainConfig& config, const Recipe& recipe,
                  const ModelLanguageModel::Parts& parts);

  size_t num_queries() const { return requests_.size(); }
  // The names of what Measure gives.
  std::vector<std::string> Figures() const;
  // The measure's columns as `dear eval` names them, with "eval_" before. Throws the error of a
  // query that cannot be ranked, and kCancelled.
  std::map<std::string, double> Measure(const CancelFn& cancel) const;

 private:
  eval::Qrels qrels_;
  eval::MeasureSet measures_;
  std::vector<RankRequest> requests_;
  Reranker reranker_;
};

}  // namespace dear

#endif  // DEAR_API_TRAINING_MEASURE_H_
