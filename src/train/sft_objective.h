#ifndef DEAR_TRAIN_SFT_OBJECTIVE_H_
#define DEAR_TRAIN_SFT_OBJECTIVE_H_

#include <functional>
#include <memory>

#include "train/objective.h"
#include "train/sft_template.h"

namespace dear {

// The next token where a mask asks for it: the loss is the mean of the cross-entropies of the
// trained tokens of a step, token 0 of a sequence never being predicted (transformers'
// ForCausalLMLoss with num_items_in_batch).
class SftObjective : public Objective {
 public:
  // `encode` gives item i of `size`; it must be safe to call from several threads.
  using EncodeFn = std::function<SftTokens(size_t item)>;
  SftObjective(size_t size, EncodeFn encode);

  size_t size() const override { return size_; }
  std::unique_ptr<MicroBatch> Prepare(std::span<const size_t> items, int64_t epoch) const override;

 private:
  size_t size_;
  EncodeFn encode_;
};

}  // namespace dear

#endif  // DEAR_TRAIN_SFT_OBJECTIVE_H_
