#ifndef DEAR_KERNELS_KV_LAYOUT_H_
#define DEAR_KERNELS_KV_LAYOUT_H_

#include <cstdint>

namespace dear {

// How keys and values of a sequence lie in memory: in blocks of kPositions positions that start at
// multiples of it, each block holding every layer and head:
//   [layer][kv head][ keys [head_dim, kPositions] | values [kPositions, value_dim()] ]
// Keys lie transposed so that scores need no sums across lanes; unused places are zero.
struct KvLayout {
  static constexpr int64_t kPositions = 32;
  static constexpr int64_t kValueLanes = 16;

  int64_t num_layers = 0;
  int64_t num_kv_heads = 0;
  int64_t head_dim = 0;

  int64_t value_dim() const { return (head_dim + kValueLanes - 1) / kValueLanes * kValueLanes; }
  int64_t head_floats() const { return kPositions * (head_dim + value_dim()); }
  int64_t block_floats() const { return num_layers * num_kv_heads * head_floats(); }
  int64_t keys_offset(int64_t layer, int64_t kv_head) const {
    return (layer * num_kv_heads + kv_head) * head_floats();
  }
  int64_t values_offset(int64_t layer, int64_t kv_head) const {
    return keys_offset(layer, kv_head) + kPositions * head_dim;
  }
  static int64_t BlocksFor(int64_t positions) { return (positions + kPositions - 1) / kPositions; }
};

}  // namespace dear

#endif  // DEAR_KERNELS_KV_LAYOUT_H_
