#ifndef DEAR_MODEL_ROPE_H_
#define DEAR_MODEL_ROPE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "formats/model_config.h"

namespace dear {

// The rotary embedding of a model: how far each pair of a head turns per position, computed as
// transformers' modeling_rope_utils.py does, rounding for rounding.
class Rope {
 public:
  Rope(const RopeConfig& config, int64_t head_dim);

  // cos and sin [positions.size(), head_dim / 2], times the attention factor of yarn.
  void Tables(std::span<const int64_t> positions, float* cos, float* sin) const;

  const std::vector<float>& inverse_frequencies() const { return inverse_frequencies_; }
  float attention_factor() const { return attention_factor_; }

 private:
  std::vector<float> inverse_frequencies_;  // [head_dim / 2]
  float attention_factor_ = 1.0F;
};

}  // namespace dear

#endif  // DEAR_MODEL_ROPE_H_
