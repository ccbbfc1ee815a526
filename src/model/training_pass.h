#ifndef DEAR_MODEL_TRAINING_PASS_H_
#define DEAR_MODEL_TRAINING_PASS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/backend.h"
#include "kernels/backward_ops.h"
#include "model/adapted_gradients.h"
#include "model/forward.h"
#include "model/kv_cache.h"
#include "model/layer_activations.h"
#include "model/model.h"
#include "model/trainable_adapter.h"

namespace dear {

// One sequence of a training step.
struct TrainingSequence {
  std::span<const int32_t> tokens;
  std::vector<int32_t> head_rows;  // of its tokens, ascending: whose head outputs the loss reads
  int64_t padded_slot = -1;        // not negative: the last token's, as Step::padded_slot
};

// From head outputs to their gradients. `outputs` [rows, width] belong to the head rows
// [first, first + rows) of the step, counted over all its sequences; the function overwrites them
// with the gradient of the loss by them. It is called for a part of the rows at a time (in order,
// each row once), never with rows * width beyond TrainingMemory::loss_floats unless one row is
// wider.
using LossFn = std::function<void(int64_t first, int64_t rows, int64_t width, float* outputs)>;
// The same outputs, to be read alone.
using ReadFn =
    std::function<void(int64_t first, int64_t rows, int64_t width, const float* outputs)>;

struct TrainingMemory {
  // Layers whose activations are kept from the forward pass; those of the others, the lower ones,
  // are computed again from their inputs, which are always kept.
  int64_t kept_layers = 0;
  // Head outputs that are there at once: wider heads are done a part of the rows at a time, so that
  // no [tokens, vocabulary] matrix is ever there.
  int64_t loss_floats = int64_t{8} << 20;
};

// Forward and backward over the one model pass. The bits of the gradients depend on the sequences
// and their order alone: not on threads, and not on how many layers are kept.
class TrainingPass {
 public:
  TrainingPass(const Model& model, TrainableAdapter& adapter, Backend& backend,
               BackwardOps& backward, const TrainingMemory& memory = {});

  // Runs the packed sequences forward, `loss` on their head rows, and back; adds to the adapter's
  // gradients. Throws kInvalidArgument for an empty sequence, a token outside the vocabulary, a
  // head row that is not there or a padded slot that is not behind the other tokens; kUnsupported
  // for one beyond a sliding window.
  void Step(std::span<const TrainingSequence> sequences, const LossFn& loss);
  // For a loss that has to see all outputs before it knows a gradient: `read` gets every part
  // before `loss` gets the first. (Where there are several parts, they are computed twice.)
  void Step(std::span<const TrainingSequence> sequences, const ReadFn& read, const LossFn& loss);
  // Only forward.
  void Evaluate(std::span<const TrainingSequence> sequences, const ReadFn& read);

  BackwardOps& backward_ops() { return backward_; }

  // Whether the residual stream of a head row of the last step is beyond what its norm can be taken
  // of in f32: the norm then makes zeros of it, and the loss looks harmless.
  bool overflowed() const { return overflowed_; }

  // Of the steps from now on.
  void SetDropout(const LoraDropout& dropout);

  // Bytes of activations that one token of a step takes, `kept_layers` being kept.
  static int64_t BytesPerToken(const ModelConfig& config, int64_t kept_layers);

 private:
  PackedRows Pack(std::span<const TrainingSequence> sequences);
  void PackSequence(const TrainingSequence& sequence, const std::string& where, KvCache& cache,
                    PackedRows* rows);
  // Activations of the layer where they are kept, else null.
  LayerActivations* KeptOf(int64_t layer);
  void Forward(const PackedRows& rows);
  // Rows of the head whose outputs are there at once.
  struct HeadPart {
    int64_t first = 0;
    std::span<const int32_t> rows;  // of the step
    int64_t width = 0;              // of an output
    int64_t count() const { return static_cast<int64_t>(rows.size()); }
  };
  std::vector<HeadPart> HeadParts(const PackedRows& rows) const;
  void HeadForward(const HeadPart& part);
  void Read(std::span<const HeadPart> parts, const ReadFn& read);
  // From the gradient of its outputs to that of the residual stream, which is added.
  void HeadBackward(const HeadPart& part);
  void Backward(const PackedRows& rows);
  void LayerBackward(int64_t index, const PackedRows& rows, const LayerBuffers& b);
  int64_t LowestTrainedLayer() const;
  bool TrainsEmbedding() const;

  const Model& model_;
  const ModelConfig& config_;
  TrainableAdapter& adapter_;
  Backend& backend_;
  BackwardOps& backward_;
  ForwardPass forward_;
  AdaptedGradients gradients_;
  TrainingMemory memory_;
  int64_t lowest_layer_;
  bool overflowed_ = false;

  std::vector<WholeSequence> sequences_;      // of the step
  std::vector<KvCache> caches_;               // of one layer
  std::vector<AlignedVector<float>> inputs_;  // of the layers that are computed again
  std::vector<LayerActivations> kept_;        // of the upper layers
  LayerActivations again_;                    // of the one that is computed again
  // Gradients: of the residual stream, and of what stands in LayerBuffers.
  AlignedVector<float> dstream_, dnormed_, dq_, dk_, dv_, dattended_, dprojected_, dgate_, dup_,
      dgated_, minus_sin_;
  AlignedVector<float> head_in_, head_normed_, head_dnormed_, head_out_;
};

}  // namespace dear

#endif  // DEAR_MODEL_TRAINING_PASS_H_
