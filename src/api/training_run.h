#ifndef DEAR_API_TRAINING_RUN_H_
#define DEAR_API_TRAINING_RUN_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/training_data.h"
#include "base/progress.h"
#include "base/thread_pool.h"
#include "formats/checkpoint.h"
#include "kernels/backend.h"
#include "kernels/backward_ops.h"
#include "model/model.h"
#include "model/trainable_adapter.h"
#include "model/training_pass.h"
#include "train/model_card.h"
#include "train/objective.h"
#include "train/train_config.h"
#include "train/trainer.h"

namespace dear {

// What a run is going to do.
struct TrainingPlan {
  int64_t items = 0;         // rows, or queries
  int64_t eval_items = 0;    // likewise
  int64_t packed = 0;        // examples that share these rows; 0 where each has its own
  int64_t eval_packed = 0;   // likewise
  int64_t eval_queries = 0;  // that are ranked to measure
  int64_t dropped = 0;       // rows that were read and cannot be used
  std::vector<std::string> first_dropped;
  int64_t epoch_tokens = 0;          // of one epoch
  int64_t epoch_trained_tokens = 0;  // of these, predicted; 0 where it is not tokens that are
  int64_t longest_item = 0;          // tokens
  int64_t total_steps = 0;
  int64_t first_step = 0;  // above 0: the run goes on
  int64_t trained_parameters = 0;
  int64_t kept_layers = 0;  // whose activations are kept, see TrainingMemory
  uint64_t weight_bytes = 0;
  uint64_t adapter_bytes = 0;                    // with gradients and moments
  uint64_t activation_bytes = 0;                 // of the largest micro-batch, at most
  std::string template_name;                     // or the recipe's
  std::vector<std::vector<ShownText>> examples;  // the first ones, as the model sees them
};

// Where a run takes place, for its model card.
struct TrainingHost {
  std::string processor;
  std::string program_version;
};

// A training from a configuration: the model with its adapter, the data and the loop over them.
class TrainingRun {
 public:
  // Opens data, model and adapter and checks all of them against each other. Throws Error naming
  // what is wrong; nothing was written then.
  explicit TrainingRun(TrainConfig config, const ProgressFn& progress = {});
  ~TrainingRun();

  const TrainingPlan& plan() const { return plan_; }
  const Model& model() const { return *model_; }

  // How long Run would take, from the time of the gradients of the first rows. Nothing is learned.
  double EstimateSeconds();

  // Trains and writes the adapter into output_dir, with what TrainingRecord leaves beside it.
  // `host` stands in the model card.
  TrainResult Run(const TrainerEvents& events, const TrainingHost& host = {});

 private:
  void OpenData(const ProgressFn& progress);
  void OpenEvaluation();
  void OpenModel(const ProgressFn& progress);
  void OpenTrained();
  void ScanLengths(const ProgressFn& progress);
  void ChooseMemory();
  TrainerOptions MakeTrainerOptions() const;
  void PrepareOutput() const;
  ModelCard MakeCard(const TrainingHost& host) const;

  TrainConfig config_;
  TrainingPlan plan_;
  std::shared_ptr<ThreadPool> pool_;
  std::unique_ptr<TrainingData> data_;
  Checkpoint checkpoint_;
  int64_t largest_batch_tokens_ = 0;
  std::shared_ptr<const Model> model_;
  std::unique_ptr<TrainableAdapter> adapter_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<BackwardOps> backward_;
  std::unique_ptr<TrainingPass> pass_;
  std::unique_ptr<Trainer> trainer_;
};

}  // namespace dear

#endif  // DEAR_API_TRAINING_RUN_H_
