#include "model/layer_activations.h"

#include <array>
#include <utility>

namespace dear {
namespace {

using Part = std::pair<float * LayerBuffers::*, int64_t>;

// Every buffer with its width. The norms of heads bring two more.
std::array<Part, 14> PartsOf(const ModelConfig& config) {
  const int64_t hidden = config.hidden_size;
  const int64_t q = config.num_heads * config.head_dim;
  const int64_t kv = config.num_kv_heads * config.head_dim;
  const int64_t inner = config.intermediate_size;
  return {{{&LayerBuffers::input, hidden},
           {&LayerBuffers::normed, hidden},
           {&LayerBuffers::q, q},
           {&LayerBuffers::k, kv},
           {&LayerBuffers::v, kv},
           {&LayerBuffers::attended, q},
           {&LayerBuffers::projected, hidden},
           {&LayerBuffers::middle, hidden},
           {&LayerBuffers::post_normed, hidden},
           {&LayerBuffers::gate, inner},
           {&LayerBuffers::up, inner},
           {&LayerBuffers::gated, inner},
           {&LayerBuffers::q_projected, config.qk_norm ? q : 0},
           {&LayerBuffers::k_projected, config.qk_norm ? kv : 0}}};
}

}  // namespace

int64_t LayerActivations::BytesPerRow(const ModelConfig& config) {
  int64_t floats = 0;
  for (const auto& [part, width] : PartsOf(config)) floats += width;
  return floats * static_cast<int64_t>(sizeof(float));
}

void LayerActivations::Reserve(const ModelConfig& config, int64_t rows) {
  const auto floats = static_cast<size_t>(rows * BytesPerRow(config)) / sizeof(float);
  if (memory_.size() < floats) memory_.resize(floats);
  float* next = memory_.data();
  for (const auto& [part, width] : PartsOf(config)) {
    buffers_.*part = next;
    next += rows * width;
  }
  if (!config.qk_norm) {
    buffers_.q_projected = buffers_.q;
    buffers_.k_projected = buffers_.k;
  }
}

}  // namespace dear
