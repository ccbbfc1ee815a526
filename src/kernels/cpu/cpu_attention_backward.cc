#include <algorithm>
#include <cstring>

#include "base/ceil_div.h"
#include "kernels/cpu/cpu_backward_ops.h"
#include "kernels/cpu/keys_seen.h"

namespace dear::cpu {
namespace {

// n vectors of `width` numbers that lie `stride` apart, gathered, or put back where they came from.
void Gather(const float* from, int64_t n, int64_t width, int64_t stride, float* to) {
  for (int64_t i = 0; i < n; ++i) {
    std::memcpy(to + i * width, from + i * stride, static_cast<size_t>(width) * sizeof(float));
  }
}
void Scatter(const float* from, int64_t n, int64_t width, int64_t stride, float* to) {
  for (int64_t i = 0; i < n; ++i) {
    std::memcpy(to + i * stride, from + i * width, static_cast<size_t>(width) * sizeof(float));
  }
}

}  // namespace

void CpuBackwardOps::Attention(const AttentionShape& shape, const float* q, const float* k,
                               const float* v, const float* dy,
                               std::span<const WholeSequence> sequences, float* dq, float* dk,
                               float* dv) {
  const AttentionRows rows{.q = q, .k = k, .v = v, .dy = dy, .dq = dq, .dk = dk, .dv = dv};
  const int64_t heads = shape.kv.num_kv_heads;
  const bool as_pairs = shape.may_round && kernels_.pairs.attend;
  pool_->Run(static_cast<int64_t>(sequences.size()) * heads, [&](int64_t task, int worker) {
    const WholeSequence& sequence = sequences[static_cast<size_t>(task / heads)];
    if (as_pairs) {
      AttendBackPaired(shape, rows, sequence, task % heads, worker);
    } else {
      AttendBack(shape, rows, sequence, task % heads, worker);
    }
  });
}

void CpuBackwardOps::SoftmaxBack(const AttentionShape& shape, const WholeSequence& sequence,
                                 int64_t token, int64_t tokens, float scale, float* weights,
                                 float* dweights) {
  const int64_t group = shape.num_heads / shape.kv.num_kv_heads;
  const KeySpan keys = KeysSeen(shape, token, tokens);
  for (int64_t row = 0; row < tokens * group; ++row) {
    float* p = weights + row * keys.span;
    const int64_t position = token + row / group;
    const bool sees_itself = !sequence.padded_last || position + 1 < sequence.rows;
    const float total = kernels_.softmax(p, FirstSeen(shape, position) - keys.base,
                                         position + (sees_itself ? 1 : 0) - keys.base, keys.span);
    kernels_.softmax_gradient(total, scale, keys.span, p, dweights + row * keys.span);
  }
}

// With P the probabilities, O = P V and S = scale Q K^T (FlashAttention, arXiv 2205.14135, B.4):
//   dV = P^T dO, dP = dO V^T, dS = P * (dP - rowsum(P * dP)), dQ = scale dS K, dK = scale dS^T Q.
void CpuBackwardOps::AttendBack(const AttentionShape& shape, const AttentionRows& rows,
                                const WholeSequence& sequence, int64_t kv_head, int worker) {
  const int64_t dim = shape.kv.head_dim;
  const int64_t group = shape.num_heads / shape.kv.num_kv_heads;
  const int64_t length = sequence.rows;
  // Softmax works on whole blocks of keys; the keys behind the last one are zeros.
  const int64_t padded = CeilDiv(length, kKeysPerBlock) * kKeysPerBlock;
  const int64_t part_rows = kTokensPerAttentionPart * group;
  const int64_t kv_stride = shape.kv.num_kv_heads * dim;
  const int64_t kv_first = sequence.first_row * kv_stride + kv_head * dim;

  float* keys = Scratch(worker, 4 * padded * dim + 3 * part_rows * dim + 2 * part_rows * padded);
  float* values = keys + padded * dim;
  float* dkeys = values + padded * dim;
  float* dvalues = dkeys + padded * dim;
  float* queries = dvalues + padded * dim;
  float* dqueries = queries + part_rows * dim;
  float* douts = dqueries + part_rows * dim;
  float* weights = douts + part_rows * dim;
  float* dweights = weights + part_rows * padded;

  std::fill_n(keys, 4 * padded * dim, 0.0F);
  Gather(rows.k + kv_first, length, dim, kv_stride, keys);
  Gather(rows.v + kv_first, length, dim, kv_stride, values);
  for (int64_t token = 0; token < length; token += kTokensPerAttentionPart) {
    const int64_t tokens = std::min(kTokensPerAttentionPart, length - token);
    const int64_t count = tokens * group;
    const int64_t base = KeysSeen(shape, token, tokens).base;
    const int64_t span = KeysSeen(shape, token, tokens).span;
    // The heads of a token lie beside each other.
    for (int64_t i = 0; i < tokens; ++i) {
      const int64_t from =
          ((sequence.first_row + token + i) * shape.num_heads + kv_head * group) * dim;
      Gather(rows.q + from, group, dim, dim, queries + i * group * dim);
      Gather(rows.dy + from, group, dim, dim, douts + i * group * dim);
    }
    kernels_.dot_rows(queries, count, dim, keys + base * dim, span, dim, nullptr, weights, span);
    kernels_.dot_rows(douts, count, dim, values + base * dim, span, dim, nullptr, dweights, span);
    for (int64_t i = 0; i < count * span; ++i) weights[i] *= shape.scale;
    SoftmaxBack(shape, sequence, token, tokens, shape.scale, weights, dweights);
    std::fill_n(dqueries, count * dim, 0.0F);
    kernels_.add_outer({.a = dweights,
                        .a_row = span,
                        .a_step = 1,
                        .b = keys + base * dim,
                        .b_stride = dim,
                        .m = count,
                        .n = dim,
                        .k = span,
                        .y = dqueries,
                        .y_stride = dim});
    const auto add_over_queries = [&](const float* factors, const float* from, float* to) {
      kernels_.add_outer({.a = factors,
                          .a_row = 1,
                          .a_step = span,
                          .b = from,
                          .b_stride = dim,
                          .m = span,
                          .n = dim,
                          .k = count,
                          .y = to + base * dim,
                          .y_stride = dim});
    };
    add_over_queries(weights, douts, dvalues);
    add_over_queries(dweights, queries, dkeys);
    for (int64_t i = 0; i < tokens; ++i) {
      const int64_t to =
          ((sequence.first_row + token + i) * shape.num_heads + kv_head * group) * dim;
      Scatter(dqueries + i * group * dim, group, dim, dim, rows.dq + to);
    }
  }
  Scatter(dkeys, length, dim, kv_stride, rows.dk + kv_first);
  Scatter(dvalues, length, dim, kv_stride, rows.dv + kv_first);
}

}  // namespace dear::cpu
