#ifndef DEAR_MODEL_SESSION_H_
#define DEAR_MODEL_SESSION_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/backend.h"
#include "model/adapter.h"
#include "model/model.h"
#include "model/prefix_cache.h"

namespace dear {

using SequenceId = int32_t;

// One sequence's part of a forward call.
struct Step {
  SequenceId sequence = -1;
  std::span<const int32_t> tokens;  // appended after what the sequence holds
  // Head outputs are computed for tokens [logits_from, tokens.size()); tokens.size(): none.
  size_t logits_from = 0;
  // Not negative: the one token of the step is a padded slot, as a right-padded batch of
  // transformers computes it: it stands at this position, attends to all that the sequence holds
  // but not to itself, and is not kept.
  int64_t padded_slot = -1;
};

// Head outputs of the rows asked for, in the order of the steps and of their tokens.
struct HeadOutputs {
  int64_t width = 0;          // vocab_size, or num_labels
  std::vector<float> values;  // [rows, width]
  std::span<const float> Row(int64_t row) const {
    return std::span(values).subspan(static_cast<size_t>(row * width), static_cast<size_t>(width));
  }
  int64_t rows() const { return width == 0 ? 0 : static_cast<int64_t>(values.size()) / width; }
};

// KV cache and workspace over one model: what a request changes. Not thread-safe; several sessions
// may share a model and a pool. The bits of a row depend on its own sequence alone: not on the
// other steps of the call, on how tokens were split into steps, or on the number of threads.
class Session {
 public:
  Session(std::shared_ptr<const Model> model, std::shared_ptr<ThreadPool> pool);
  // Over a backend of the caller's choice.
  Session(std::shared_ptr<const Model> model, std::unique_ptr<Backend> backend);
  ~Session();

  // A new empty sequence, through `adapter` (null: the base alone).
  SequenceId Add(std::shared_ptr<const Adapter> adapter = nullptr);
  // A copy of the first `length` tokens of `source`, same adapter.
  SequenceId Fork(SequenceId source, int64_t length);
  // A new sequence that holds the longest beginning of `tokens` that `prefixes` has, if it has one
  // (Length() tells).
  SequenceId AddFrom(PrefixCache& prefixes, std::shared_ptr<const Adapter> adapter,
                     std::span<const int32_t> tokens);
  // Keeps `tokens`, which the sequence begins with, in `prefixes`. Throws kInvalidArgument where it
  // holds fewer.
  void KeepIn(PrefixCache& prefixes, SequenceId sequence, std::span<const int32_t> tokens) const;
  void Truncate(SequenceId sequence, int64_t length);
  void Remove(SequenceId sequence);
  int64_t Length(SequenceId sequence) const;

  // Runs the model over all steps at once, packed without padding. Throws kInvalidArgument for a
  // token outside the vocabulary or a sequence that is not there (nothing has then changed), and
  // kInvalidFormat where the weights give NaN.
  HeadOutputs Forward(std::span<const Step> steps);

  const Model& model() const { return *model_; }
  uint64_t cache_bytes() const;

 private:
  struct Impl;
  std::shared_ptr<const Model> model_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dear

#endif  // DEAR_MODEL_SESSION_H_
