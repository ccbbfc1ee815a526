#ifndef DEAR_TRAIN_TRAINER_H_
#define DEAR_TRAIN_TRAINER_H_

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/progress.h"
#include "base/thread_pool.h"
#include "model/trainable_adapter.h"
#include "model/training_pass.h"
#include "train/adamw.h"
#include "train/batch_plan.h"
#include "train/checkpoint.h"
#include "train/moving_average.h"
#include "train/objective.h"
#include "train/schedule.h"

namespace dear {

struct TrainerOptions {
  BatchPlanOptions batches;
  double learning_rate = 5e-5;
  double learning_rate_ratio_of_b = 1;  // LoRA+
  AdamWOptions adamw;
  double max_grad_norm = 1;
  ScheduleOptions schedule;
  double warmup_ratio = 0;
  double warmup_steps = 0;
  double dropout = 0;               // before LoRA factors
  std::optional<double> ema_decay;  // what is evaluated and results is a moving average

  std::filesystem::path output;  // exists
  int64_t logging_steps = 10;
  int64_t save_steps = 0;  // 0: none between; every so many steps
  bool save_each_epoch = false;
  std::optional<int64_t> save_total_limit;
  bool save_only_model = false;
  int64_t eval_steps = 0;  // 0: not by steps
  bool eval_each_epoch = false;
  int64_t eval_batch_size = 8;
  // By which figure of the evaluations the best adapter is kept in OUTPUT/best: "eval_loss" or one
  // of the measures. Empty: none is.
  std::string best_figure;
  bool greater_is_better = false;
  bool load_best = false;  // the run ends in the best adapter
  int64_t patience = 0;    // evaluations without a better one that end the run; 0: any number
  // A checkpoint to go on from; empty: from the start.
  std::filesystem::path resume_from;
  // What else makes a run the same one: SaveCheckpoint's identity.
  std::vector<std::pair<std::string, std::string>> identity;
};

struct TrainStepReport {
  int64_t step = 0;  // from 1
  int64_t total_steps = 0;
  double epoch = 0;          // fraction done, as transformers logs it
  double loss = 0;           // of this step
  double mean_loss = 0;      // of the steps since the last logged one
  double learning_rate = 0;  // that the step was done with
  double grad_norm = 0;      // before clipping
  int64_t tokens = 0;        // so far
  double seconds = 0;        // of work so far, those before a resumption included
  bool logs = false;         // logging_steps says so
};

struct TrainEvalReport {
  int64_t step = 0;
  double epoch = 0;
  std::optional<double> loss;              // where there is an objective to evaluate
  std::map<std::string, double> measures;  // by names that begin with "eval_"
  bool is_best = false;                    // so far, by TrainerOptions::best_figure
  double seconds = 0;
};

struct TrainResult {
  int64_t steps = 0;
  double mean_loss = 0;  // of all steps: transformers' train_loss
  int64_t tokens = 0;
  int64_t samples = 0;  // items, repeated ones again
  double seconds = 0;
  std::optional<TrainEvalReport> evaluation;  // the last one of this process
  BestEvaluation best;
  bool stopped_early = false;  // patience was out
};

// Other figures of the adapter as it is, by names that begin with "eval_". Throws kCancelled.
using MeasureFn = std::function<std::map<std::string, double>(const CancelFn& cancel)>;

// What a run tells while it goes.
struct TrainerEvents {
  std::function<void(const TrainStepReport&)> on_step;
  std::function<void(const TrainEvalReport&)> on_eval;
  std::function<void(const std::filesystem::path&)> on_checkpoint;
  CancelFn cancel;  // asked after each step, and while one is evaluated
};

// The training loop: the steps of a BatchPlan, each the gradients of its micro-batches over their
// common weight, clipped, and a step of AdamW at the schedule's rate. Everything that a step does
// follows from its number and the seed, so a run that goes on from a checkpoint ends in the same
// bits.
class Trainer {
 public:
  Trainer(const Objective& objective, TrainableAdapter& adapter, TrainingPass& pass,
          std::shared_ptr<ThreadPool> pool, TrainerOptions options);

  // What is evaluated when the options say so: the loss of another objective, which must outlive
  // the trainer, or null; other measures, or none.
  void SetEvaluation(const Objective* objective, MeasureFn measure = {});
  int64_t total_steps() const { return plan_.total_steps(); }
  int64_t steps_per_epoch() const { return plan_.steps_per_epoch(); }
  int64_t steps_done() const { return state_.step; }  // above 0 where the run goes on

  // Runs to the end. A loss or a gradient that is not finite, or activations that overflow, end it
  // with kInvalidArgument before the step is taken, a cancellation with kCancelled after a
  // checkpoint was written. The checkpoints stay: the older ones are removed only when the step
  // behind a new one has come out well. Throws kInvalidArgument where the evaluations have no
  // figure of the name best_figure.
  TrainResult Run(const TrainerEvents& events = {});

 private:
  struct StepLoss {
    double loss = 0;
    double grad_norm = 0;
  };

  static std::vector<OptimizedTensor> Tensors(TrainableAdapter& adapter,
                                              const TrainerOptions& options);
  // Of the step that comes next.
  double LearningRate() const { return options_.learning_rate * schedule_.Factor(state_.step); }
  StepLoss RunStep(int64_t step, const BatchPlan::Step& batches);
  void TakeStep(const TrainerEvents& events);
  // What comes after a step: evaluation, checkpoint, cancellation.
  void FinishStep(const TrainerEvents& events);
  void Evaluate(const TrainerEvents& events);
  double EvaluationLoss(int64_t epoch, const CancelFn& cancel);
  // Whether the evaluation is the best so far; its adapter was kept then.
  bool KeepIfBest(const TrainEvalReport& evaluation);
  MovingAverage* average() { return average_ ? &*average_ : nullptr; }
  bool OutOfPatience() const;
  void Save(const TrainerEvents& events);
  bool Due(int64_t every, bool each_epoch) const;
  [[noreturn]] void FailRunAway(const std::string& what) const;

  const Objective& objective_;
  const Objective* evaluation_ = nullptr;
  MeasureFn measure_;
  std::optional<TrainEvalReport> last_evaluation_;
  std::chrono::steady_clock::time_point start_;
  double seconds_before_ = 0;  // of work before this process
  TrainableAdapter& adapter_;
  TrainingPass& pass_;
  std::shared_ptr<ThreadPool> pool_;
  TrainerOptions options_;
  BatchPlan plan_;
  Schedule schedule_;
  AdamW optimizer_;
  std::optional<MovingAverage> average_;
  TrainingState state_;
};

}  // namespace dear

#endif  // DEAR_TRAIN_TRAINER_H_
