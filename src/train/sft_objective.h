#ifndef DEAR_TRAIN_SFT_OBJECTIVE_H_
#define DEAR_TRAIN_SFT_OBJECTIVE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "train/objective.h"
#include "train/sft_packing.h"
#include "train/sft_template.h"

namespace dear {

// The next token where a mask asks for it: the loss is the mean of the cross-entropies of the
// trained tokens of a step, token 0 of a sequence never being predicted (transformers'
// ForCausalLMLoss with num_items_in_batch).
// An item is an example, or a row of several that do not see each other: LLaMA-Factory's
// neat_packing, but for train_on_prompt, where it also predicts the first token of an example from
// the last one of the example before it.
class SftObjective : public Objective {
 public:
  // `encode` gives example i of `size`; it must be safe to call from several threads.
  using EncodeFn = std::function<SftTokens(size_t example)>;
  SftObjective(size_t size, EncodeFn encode);

  // The examples of an objective in rows, SftPacking's. `sizes` are what it says of each. Throws
  // what SftPacking throws.
  SftObjective(SftObjective examples, std::span<const ItemSize> sizes,
               const SftPackingOptions& packing);

  size_t size() const override { return packing_ ? packing_->num_rows() : size_; }
  std::unique_ptr<MicroBatch> Prepare(std::span<const size_t> items, int64_t epoch) const override;
  ItemSize SizeOf(size_t item) const override;

 private:
  size_t size_;
  EncodeFn encode_;
  std::optional<SftPacking> packing_;
  std::vector<ItemSize> row_sizes_;  // of the packing's
};

}  // namespace dear

#endif  // DEAR_TRAIN_SFT_OBJECTIVE_H_
