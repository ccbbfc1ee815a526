#include "train/sft_objective.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace dear {
namespace {

class SftMicroBatch : public MicroBatch {
 public:
  explicit SftMicroBatch(std::vector<SftTokens> examples) : examples_(std::move(examples)) {
    for (const SftTokens& example : examples_) {
      if (example.ids.empty()) continue;
      TrainingSequence& sequence = sequences_.emplace_back();
      sequence.tokens = example.ids;
      tokens_ += static_cast<int64_t>(example.ids.size());
      for (size_t i = 1; i < example.ids.size(); ++i) {
        if (example.trained[i] == 0) continue;
        sequence.head_rows.push_back(static_cast<int32_t>(i) - 1);
        targets_.push_back(example.ids[i]);
      }
    }
  }

  int64_t weight() const override { return static_cast<int64_t>(targets_.size()); }
  int64_t tokens() const override { return tokens_; }

  double Step(TrainingPass& pass, double scale) override {
    if (targets_.empty()) return 0;
    const std::vector<float> scales(targets_.size(), static_cast<float>(scale));
    std::vector<double> losses(targets_.size());
    pass.Step(sequences_, [&](int64_t first, int64_t rows, int64_t width, float* outputs) {
      pass.backward_ops().CrossEntropyGradient(outputs, rows, width, targets_.data() + first,
                                               scales.data() + first, losses.data() + first);
    });
    return std::accumulate(losses.begin(), losses.end(), 0.0);
  }
  double Evaluate(TrainingPass& pass) override {
    if (targets_.empty()) return 0;
    std::vector<double> losses(targets_.size());
    pass.Evaluate(sequences_,
                  [&](int64_t first, int64_t rows, int64_t width, const float* outputs) {
                    pass.backward_ops().CrossEntropy(outputs, rows, width, targets_.data() + first,
                                                     losses.data() + first);
                  });
    return std::accumulate(losses.begin(), losses.end(), 0.0);
  }

 private:
  std::vector<SftTokens> examples_;
  std::vector<TrainingSequence> sequences_;
  std::vector<int32_t> targets_;
  int64_t tokens_ = 0;
};

}  // namespace

SftObjective::SftObjective(size_t size, EncodeFn encode)
    : size_(size), encode_(std::move(encode)) {}

SftObjective::SftObjective(SftObjective examples, std::span<const ItemSize> sizes,
                           const SftPackingOptions& packing)
    : SftObjective(std::move(examples)) {
  std::vector<int64_t> lengths(sizes.size());
  std::ranges::transform(sizes, lengths.begin(), &ItemSize::tokens);
  packing_.emplace(lengths, packing);
  for (size_t row = 0; row < packing_->num_rows(); ++row) {
    ItemSize& sum = row_sizes_.emplace_back();
    for (const uint32_t example : packing_->Row(row)) {
      sum.tokens += sizes[example].tokens;
      sum.weight += sizes[example].weight;
    }
  }
}

std::unique_ptr<MicroBatch> SftObjective::Prepare(std::span<const size_t> items,
                                                  int64_t /*epoch*/) const {
  std::vector<SftTokens> examples;
  for (const size_t item : items) {
    if (!packing_) {
      examples.push_back(encode_(item));
      continue;
    }
    for (const uint32_t example : packing_->Row(item)) examples.push_back(encode_(example));
  }
  return std::make_unique<SftMicroBatch>(std::move(examples));
}

ItemSize SftObjective::SizeOf(size_t item) const {
  // Asked of every row before a training: no row is encoded again for it.
  return packing_ ? row_sizes_[item] : Objective::SizeOf(item);
}

}  // namespace dear
