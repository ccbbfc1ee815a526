#ifndef DEAR_MODEL_LAYER_ACTIVATIONS_H_
#define DEAR_MODEL_LAYER_ACTIVATIONS_H_

#include <cstdint>

#include "base/aligned_vector.h"
#include "formats/model_config.h"

namespace dear {

// Where one layer of a forward pass writes, each [rows, width]. Several may be one memory where the
// later may overwrite the earlier; what is null is not kept.
struct LayerBuffers {
  float* input = nullptr;        // the residual stream before the layer; null: not kept
  float* normed = nullptr;       // input_norm of it
  float* q_projected = nullptr;  // before the norms of heads; q and k where there are none
  float* k_projected = nullptr;
  float* q = nullptr;  // turned by the rotary embedding
  float* k = nullptr;
  float* v = nullptr;
  float* attended = nullptr;
  float* projected = nullptr;    // of o, then of down
  float* middle = nullptr;       // the residual stream after attention; null: not kept
  float* post_normed = nullptr;  // post_norm of it
  float* gate = nullptr;
  float* up = nullptr;
  float* gated = nullptr;
};

// Memory for all that the backward pass of a layer needs, nothing overwritten.
class LayerActivations {
 public:
  void Reserve(const ModelConfig& config, int64_t rows);
  const LayerBuffers& buffers() const { return buffers_; }
  // Of one row in any such memory.
  static int64_t BytesPerRow(const ModelConfig& config);

 private:
  AlignedVector<float> memory_;
  LayerBuffers buffers_;
};

}  // namespace dear

#endif  // DEAR_MODEL_LAYER_ACTIVATIONS_H_
