#ifndef DEAR_TRAIN_BATCH_PLAN_H_
#define DEAR_TRAIN_BATCH_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dear {

struct BatchPlanOptions {
  int64_t batch_size = 8;          // items of a micro-batch
  int64_t accumulation_steps = 1;  // micro-batches of a step
  double epochs = 3;
  int64_t max_steps = -1;  // above 0: wins over the epochs
  bool shuffle = true;
  uint64_t seed = 42;
};

// Which items a step sees, counted as transformers' Trainer does: an epoch is ceil(items /
// batch_size) micro-batches, the last one may be smaller, and ceil of those / accumulation_steps
// steps, the last of which takes what is left; all in all ceil(epochs * steps of an epoch) steps.
// A step's items follow from the seed and its number alone. (The shuffled order is not torch's.)
class BatchPlan {
 public:
  BatchPlan(size_t items, const BatchPlanOptions& options);

  int64_t total_steps() const { return total_steps_; }
  int64_t steps_per_epoch() const { return steps_per_epoch_; }

  struct Step {
    int64_t epoch = 0;                               // from 0
    double epochs_done = 0;                          // after it, as transformers logs "epoch"
    std::vector<std::vector<size_t>> micro_batches;  // items
  };
  // `step` counts from 0.
  Step At(int64_t step);

 private:
  size_t items_;
  BatchPlanOptions options_;
  int64_t micro_batches_ = 0;  // of an epoch
  int64_t steps_per_epoch_ = 0;
  int64_t total_steps_ = 0;
  std::vector<size_t> order_;  // of the epoch below
  int64_t ordered_epoch_ = -1;
};

}  // namespace dear

#endif  // DEAR_TRAIN_BATCH_PLAN_H_
