#include "train/moving_average.h"

#include <algorithm>
#include <string>

#include "base/error.h"
#include "formats/read_numbers.h"
#include "formats/safetensors.h"

namespace dear {
namespace {

constexpr const char* kFile = "moving_average.safetensors";

}  // namespace

MovingAverage::MovingAverage(std::span<const TrainedTensor> tensors, double decay)
    : tensors_(tensors), weight_(static_cast<float>(1 - decay)) {
  if (!(decay > 0 && decay < 1)) {
    throw Error(ErrorCode::kInvalidArgument, "ema_decay",
                "must be above 0 and below 1, found " + std::to_string(decay));
  }
  for (const TrainedTensor& tensor : tensors_) averages_.emplace_back(tensor.values.size());
}

void MovingAverage::Update(int64_t step, ThreadPool& pool) {
  pool.Run(static_cast<int64_t>(tensors_.size()), [&](int64_t task, int /*worker*/) {
    const std::span<const float> values = tensors_[static_cast<size_t>(task)].values;
    std::vector<float>& averages = averages_[static_cast<size_t>(task)];
    if (step == 1) {
      std::ranges::copy(values, averages.begin());
      return;
    }
    for (size_t i = 0; i < averages.size(); ++i) {
      averages[i] += weight_ * (values[i] - averages[i]);
    }
  });
}

void MovingAverage::Swap() {
  for (size_t i = 0; i < averages_.size(); ++i) {
    std::ranges::swap_ranges(tensors_[i].values, averages_[i]);
  }
}

void MovingAverage::Save(const std::filesystem::path& folder) const {
  std::vector<TensorSpec> specs;
  for (const TrainedTensor& tensor : tensors_) {
    specs.push_back({.name = tensor.name, .dtype = DType::kF32, .shape = tensor.shape});
  }
  const auto write = [&](size_t index, const WriteBytesFn& out) {
    out(std::as_bytes(std::span<const float>(averages_[index])));
  };
  WriteSafetensors(folder / kFile, specs, write, {});
}

void MovingAverage::Load(const std::filesystem::path& folder) {
  const auto file = SafetensorsFile::Open(folder / kFile);
  for (size_t i = 0; i < averages_.size(); ++i) ReadNumbers(*file, tensors_[i].name, averages_[i]);
}

}  // namespace dear
