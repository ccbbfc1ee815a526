#ifndef DEAR_TRAIN_MOVING_AVERAGE_H_
#define DEAR_TRAIN_MOVING_AVERAGE_H_

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "model/trainable_adapter.h"

namespace dear {

// The exponential moving average of what a training changes, as torch's AveragedModel with
// get_ema_multi_avg_fn keeps it: the values after the first step, then, after each step,
//   average += (1 - decay) * (value - average).
class MovingAverage {
 public:
  // `tensors` must outlive it. Throws kInvalidArgument for a decay outside (0, 1).
  MovingAverage(std::span<const TrainedTensor> tensors, double decay);

  // After step `step`, counted from 1. Elementwise, so that threads change no bit.
  void Update(int64_t step, ThreadPool& pool);
  // Puts the averages in the place of the values, and the values in theirs.
  void Swap();

  // moving_average.safetensors in a checkpoint's folder.
  void Save(const std::filesystem::path& folder) const;
  // Throws kNotFound, kInvalidFormat.
  void Load(const std::filesystem::path& folder);

 private:
  std::span<const TrainedTensor> tensors_;
  float weight_;  // 1 - decay
  std::vector<std::vector<float>> averages_;
};

// While it lives, the averages stand in the values' place. `average` may be null: nothing is done.
class AveragedValues {
 public:
  AveragedValues(MovingAverage* average, TrainableAdapter& adapter, ThreadPool& pool)
      : average_(average), adapter_(adapter), pool_(pool) {
    Swap();
  }
  ~AveragedValues() { Swap(); }
  AveragedValues(const AveragedValues&) = delete;
  AveragedValues& operator=(const AveragedValues&) = delete;

 private:
  void Swap() {
    if (average_ == nullptr) return;
    average_->Swap();
    adapter_.ValuesChanged(pool_);
  }

  MovingAverage* average_;
  TrainableAdapter& adapter_;
  ThreadPool& pool_;
};

}  // namespace dear

#endif  // DEAR_TRAIN_MOVING_AVERAGE_H_
