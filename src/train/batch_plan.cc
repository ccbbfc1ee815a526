#include "train/batch_plan.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <utility>

#include "base/ceil_div.h"
#include "base/error.h"

namespace dear {

BatchPlan::BatchPlan(size_t items, const BatchPlanOptions& options)
    : items_(items), options_(options) {
  if (items == 0) throw Error(ErrorCode::kInvalidArgument, "dataset", "has no usable rows");
  micro_batches_ = CeilDiv(static_cast<int64_t>(items), options.batch_size);
  steps_per_epoch_ = CeilDiv(micro_batches_, options.accumulation_steps);
  total_steps_ =
      options.max_steps > 0
          ? options.max_steps
          : static_cast<int64_t>(std::ceil(options.epochs * static_cast<double>(steps_per_epoch_)));
}

BatchPlan::Step BatchPlan::At(int64_t step) {
  Step result;
  result.epoch = step / steps_per_epoch_;
  if (ordered_epoch_ != result.epoch) {
    order_.resize(items_);
    std::iota(order_.begin(), order_.end(), size_t{0});
    if (options_.shuffle) {
      // Fisher and Yates'; std::shuffle would be another one with another library.
      std::mt19937_64 random(options_.seed * 1000003ULL + static_cast<uint64_t>(result.epoch));
      for (size_t i = items_; i > 1; --i) std::swap(order_[i - 1], order_[random() % i]);
    }
    ordered_epoch_ = result.epoch;
  }
  const int64_t first = step % steps_per_epoch_ * options_.accumulation_steps;
  const int64_t last = std::min(first + options_.accumulation_steps, micro_batches_);
  for (int64_t batch = first; batch < last; ++batch) {
    const auto begin = static_cast<size_t>(batch * options_.batch_size);
    const size_t end = std::min(items_, begin + static_cast<size_t>(options_.batch_size));
    result.micro_batches.emplace_back(order_.begin() + static_cast<int64_t>(begin),
                                      order_.begin() + static_cast<int64_t>(end));
  }
  result.epochs_done = static_cast<double>(result.epoch) +
                       static_cast<double>(last) / static_cast<double>(micro_batches_);
  return result;
}

}  // namespace dear
