#ifndef DEAR_KERNELS_CPU_PACKED_BLOCKS_H_
#define DEAR_KERNELS_CPU_PACKED_BLOCKS_H_

#include <algorithm>
#include <cstdint>

#include "base/ceil_div.h"
#include "kernels/cpu/kernel_table.h"
#include "tensor/packed_matrix.h"

namespace dear::cpu {

inline constexpr int64_t kPanelOuts = PackedWeights::kOuts;

// bf16 numbers of a cache line.
inline constexpr int64_t kHalvesOfALine = 32;

// Inputs of a product, filled up to whole tiles.
constexpr int64_t PaddedDepth(int64_t inputs) {
  return CeilDiv(inputs, PackedWeights::kDepth) * PackedWeights::kDepth;
}

// Inputs that are multiplied before the next ones, about: what codes became stays in the nearer
// caches. Sums go through memory between blocks, which does not change them.
inline constexpr int64_t kDepthBlock = 512;

// The same in blocks that are as long as each other, none of them too short to be worth the sums'
// way through memory.
constexpr int64_t DepthBlock(int64_t depth) {
  const int64_t blocks = std::max<int64_t>(1, (depth + kDepthBlock / 2) / kDepthBlock);
  return PaddedDepth(CeilDiv(depth, blocks));
}

// Numbers of a row of rounded activations, `line` of which fill a cache line: an odd number of
// lines, so that the rows of a tile do not share places in the cache.
constexpr int64_t RoundedStride(int64_t depth, int64_t line) {
  return (CeilDiv(depth, line) | 1) * line;
}

// Inputs [first, first + depth) of a panel of codes.
inline CodePanel CodesOf(const PackedWeights& weights, int64_t panel, int64_t first,
                         int64_t depth) {
  const bool nibbles = weights.kind == PackedWeights::Kind::kCodes4;
  const int64_t bytes = weights.depth * kPanelOuts / (nibbles ? 2 : 1);
  const int64_t scales = weights.scale_blocks * kPanelOuts * (weights.half_scales ? 2 : 4) * panel;
  return {.codes = static_cast<const uint8_t*>(weights.data) + panel * bytes,
          .scales = static_cast<const char*>(weights.scales) + scales,
          .minima = weights.minima == nullptr ? nullptr
                                              : static_cast<const char*>(weights.minima) + scales,
          .levels = nibbles ? weights.levels.data() : nullptr,
          .block = weights.block,
          .half_scales = weights.half_scales,
          .first = first,
          .depth = depth};
}

}  // namespace dear::cpu

#endif  // DEAR_KERNELS_CPU_PACKED_BLOCKS_H_
