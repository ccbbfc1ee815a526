// The gradient of attention by products of bf16 pairs, over the formulas of
// cpu_attention_backward.cc. What is multiplied is rounded as the forward op rounds it: scaled
// queries, keys, values and weights; sums and softmax are f32.
//
// The gradients of keys and values are summed as [head_dim, keys]: so the weights, which are far
// more than all else, are the panels of these products as they lie and need not be turned.
#include <algorithm>
#include <cstring>

#include "base/ceil_div.h"
#include "kernels/cpu/cpu_backward_ops.h"
#include "kernels/cpu/keys_seen.h"
#include "kernels/cpu/packed_blocks.h"

namespace dear::cpu {
namespace {

// Hands out a worker's scratch memory, each part on a cache line of its own. Made without memory it
// counts what is asked for.
class Parts {
 public:
  explicit Parts(float* memory) : memory_(memory) {}

  float* Floats(int64_t count) {
    float* part = memory_ == nullptr ? nullptr : memory_ + used_;
    used_ += CeilDiv(count, kLanes) * kLanes;
    return part;
  }
  uint16_t* Halves(int64_t count) { return reinterpret_cast<uint16_t*>(Floats(CeilDiv(count, 2))); }
  int64_t used() const { return used_; }

 private:
  float* memory_;
  int64_t used_ = 0;
};

struct Sizes {
  int64_t dim;    // of a head
  int64_t width;  // dim in whole panels
  int64_t depth;  // dim in whole tiles
  int64_t keys;   // of the sequence, in whole blocks
  int64_t part;   // query rows of a part, in whole tiles

  int64_t row_stride() const { return RoundedStride(depth, kHalvesOfALine); }
  int64_t turned_stride() const { return RoundedStride(part, kHalvesOfALine); }
  int64_t sum_stride() const { return RoundedStride(keys, kLanes); }
};

// A worker's memory for one key head of one sequence.
struct Buffers {
  Buffers(const Sizes& n, Parts parts)
      : rows(parts.Floats(std::max(n.keys, n.part) * n.width)),
        columns(parts.Floats(n.depth * kPanelOuts)),
        dkeys(parts.Floats(n.width * n.sum_stride())),
        dvalues(parts.Floats(n.width * n.sum_stride())),
        weights(parts.Floats(n.part * n.keys)),
        dweights(parts.Floats(n.part * n.keys)),
        dqueries(parts.Floats(n.part * n.width)),
        score_keys(parts.Halves(n.keys * n.depth)),
        score_values(parts.Halves(n.keys * n.depth)),
        keys(parts.Halves(n.keys * n.width)),
        queries(parts.Halves(n.part * n.row_stride())),
        douts(parts.Halves(n.part * n.row_stride())),
        turned_queries(parts.Halves(n.width * n.turned_stride())),
        turned_douts(parts.Halves(n.width * n.turned_stride())),
        dweight_rows(parts.Halves(n.part * RoundedStride(n.keys, kHalvesOfALine))),
        panels(parts.Halves(n.keys * n.part)),
        pairs(parts.Halves(n.part * kPanelOuts)),
        size(parts.used()) {}

  float* rows;                              // f32 [.., width], zeros from dim on
  float* columns;                           // of 16 keys
  float *dkeys, *dvalues;                   // [width, keys]
  float *weights, *dweights;                // [part, span]
  float* dqueries;                          // [part, width]
  uint16_t *score_keys, *score_values;      // panels of keys: [keys / 16][depth / 2][16][2]
  uint16_t* keys;                           // panels of dimensions: [width / 16][keys / 2][16][2]
  uint16_t *queries, *douts;                // [part, depth]
  uint16_t *turned_queries, *turned_douts;  // [width, part]
  uint16_t* dweight_rows;                   // [part, span]
  uint16_t* panels;                         // of keys: [span / 16][part / 2][16][2]
  uint16_t* pairs;                          // one panel of 16 dimensions of a part
  int64_t size;
};

// n rows of dim numbers that lie `stride` apart; zeros up to width.
void GatherRows(const float* from, int64_t n, int64_t stride, const Sizes& sizes, float* to) {
  for (int64_t i = 0; i < n; ++i, to += sizes.width) {
    std::copy_n(from + i * stride, sizes.dim, to);
    std::fill(to + sizes.dim, to + sizes.width, 0.0F);
  }
}

// Panels of 16 rows each.
void PairRows(const PairKernels& kernels, const float* rows, int64_t count, const Sizes& sizes,
              float* columns, uint16_t* panels) {
  for (int64_t first = 0; first < count; first += kPanelOuts, panels += kPanelOuts * sizes.depth) {
    for (int64_t d = 0; d < sizes.dim; ++d) {
      for (int64_t i = 0; i < kPanelOuts; ++i) {
        columns[d * kPanelOuts + i] = rows[(first + i) * sizes.width + d];
      }
    }
    kernels.interleave(columns, kPanelOuts, sizes.dim, sizes.depth, panels);
  }
}

// The rounded columns of rows [count, width] as rows of `part` numbers, zeros behind count.
void TurnRows(const PairKernels& kernels, const float* rows, int64_t count, const Sizes& sizes,
              uint16_t* pairs, uint16_t* turned) {
  const auto* words = reinterpret_cast<const uint32_t*>(pairs);
  for (int64_t first = 0; first < sizes.width; first += kPanelOuts) {
    kernels.interleave(rows + first, sizes.width, count, sizes.part, pairs);
    for (int64_t d = 0; d < kPanelOuts; ++d) {
      auto* to = reinterpret_cast<uint32_t*>(turned + (first + d) * sizes.turned_stride());
      for (int64_t pair = 0; pair < sizes.part / 2; ++pair) to[pair] = words[pair * kPanelOuts + d];
    }
  }
}

// [width, keys] at sum_stride() as `length` rows `stride` apart.
void ScatterColumns(const float* columns, int64_t length, int64_t stride, const Sizes& sizes,
                    float* rows) {
  for (int64_t key = 0; key < length; ++key) {
    for (int64_t d = 0; d < sizes.dim; ++d) {
      rows[key * stride + d] = columns[d * sizes.sum_stride() + key];
    }
  }
}

}  // namespace

void CpuBackwardOps::AttendBackPaired(const AttentionShape& shape, const AttentionRows& rows,
                                      const WholeSequence& sequence, int64_t kv_head, int worker) {
  const PairKernels& kernels = kernels_.pairs;
  const int64_t dim = shape.kv.head_dim;
  const int64_t group = shape.num_heads / shape.kv.num_kv_heads;
  const int64_t length = sequence.rows;
  const Sizes n = {.dim = dim,
                   .width = CeilDiv(dim, kPanelOuts) * kPanelOuts,
                   .depth = PaddedDepth(dim),
                   .keys = CeilDiv(length, kKeysPerBlock) * kKeysPerBlock,
                   .part = PaddedDepth(std::min(kTokensPerAttentionPart, length) * group)};
  const Buffers b(n, Parts(Scratch(worker, Buffers(n, Parts(nullptr)).size)));
  const int64_t kv_stride = shape.kv.num_kv_heads * dim;
  const int64_t kv_first = sequence.first_row * kv_stride + kv_head * dim;

  // What no key fills of the last block is zeros.
  std::fill(b.rows + length * n.width, b.rows + n.keys * n.width, 0.0F);
  GatherRows(rows.v + kv_first, length, kv_stride, n, b.rows);
  PairRows(kernels, b.rows, n.keys, n, b.columns, b.score_values);
  GatherRows(rows.k + kv_first, length, kv_stride, n, b.rows);
  PairRows(kernels, b.rows, n.keys, n, b.columns, b.score_keys);
  for (int64_t d = 0; d < n.width; d += kPanelOuts) {
    kernels.interleave(b.rows + d, n.width, n.keys, n.keys, b.keys + d * n.keys);
  }
  std::fill_n(b.dkeys, n.width * n.sum_stride(), 0.0F);
  std::fill_n(b.dvalues, n.width * n.sum_stride(), 0.0F);

  for (int64_t token = 0; token < length; token += kTokensPerAttentionPart) {
    const int64_t tokens = std::min(kTokensPerAttentionPart, length - token);
    const int64_t count = tokens * group;
    const int64_t base = KeysSeen(shape, token, tokens).base;
    const int64_t span = KeysSeen(shape, token, tokens).span;
    // The heads of a token lie beside each other.
    const auto row_offset = [&](int64_t row) {
      const int64_t at = sequence.first_row + token + row / group;
      return (at * shape.num_heads + kv_head * group + row % group) * dim;
    };
    const auto take_rows = [&](const float* from, float factor, uint16_t* rounded,
                               uint16_t* turned) {
      for (int64_t row = 0; row < count; ++row) {
        float* to = b.rows + row * n.width;
        GatherRows(from + row_offset(row), 1, dim, n, to);
        for (int64_t d = 0; d < dim; ++d) to[d] *= factor;
        kernels.round_row(to, dim, n.depth, rounded + row * n.row_stride());
      }
      TurnRows(kernels, b.rows, count, n, b.pairs, turned);
    };
    take_rows(rows.q, shape.scale, b.queries, b.turned_queries);
    take_rows(rows.dy, 1.0F, b.douts, b.turned_douts);

    const auto dot_keys = [&](const uint16_t* x, const uint16_t* panels, float* y) {
      kernels.dot({.x = x,
                   .rows = count,
                   .x_stride = n.row_stride(),
                   .w = panels + base * n.depth,
                   .panel_stride = kPanelOuts * n.depth,
                   .depth = n.depth,
                   .outs = span,
                   .add = false,
                   .bias = nullptr,
                   .y = y,
                   .y_stride = span});
    };
    dot_keys(b.queries, b.score_keys, b.weights);
    dot_keys(b.douts, b.score_values, b.dweights);
    SoftmaxBack(shape, sequence, token, tokens, 1.0F, b.weights, b.dweights);

    const int64_t dweight_stride = RoundedStride(span, kHalvesOfALine);
    for (int64_t row = 0; row < count; ++row) {
      kernels.round_row(b.dweights + row * span, span, span, b.dweight_rows + row * dweight_stride);
    }
    kernels.dot({.x = b.dweight_rows,
                 .rows = count,
                 .x_stride = dweight_stride,
                 .w = b.keys + base * kPanelOuts,
                 .panel_stride = n.keys * kPanelOuts,
                 .depth = span,
                 .outs = n.width,
                 .add = false,
                 .bias = nullptr,
                 .y = b.dqueries,
                 .y_stride = n.width});
    for (int64_t row = 0; row < count; ++row) {
      const float* from = b.dqueries + row * n.width;
      float* to = rows.dq + row_offset(row);
      for (int64_t d = 0; d < dim; ++d) to[d] = shape.scale * from[d];
    }

    const int64_t depth = PaddedDepth(count);
    const auto add_over_queries = [&](const float* factors, const uint16_t* turned, float* sums) {
      for (int64_t key = 0; key < span; key += kPanelOuts) {
        kernels.interleave(factors + key, span, count, depth, b.panels + key * depth);
      }
      kernels.dot({.x = turned,
                   .rows = n.width,
                   .x_stride = n.turned_stride(),
                   .w = b.panels,
                   .panel_stride = kPanelOuts * depth,
                   .depth = depth,
                   .outs = span,
                   .add = true,
                   .bias = nullptr,
                   .y = sums + base,
                   .y_stride = n.sum_stride()});
    };
    add_over_queries(b.weights, b.turned_douts, b.dvalues);
    add_over_queries(b.dweights, b.turned_queries, b.dkeys);
  }
  ScatterColumns(b.dkeys, length, kv_stride, n, rows.dk + kv_first);
  ScatterColumns(b.dvalues, length, kv_stride, n, rows.dv + kv_first);
}

}  // namespace dear::cpu
