#include <algorithm>
#include <cstring>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/keys_seen.h"

namespace dear::cpu {
namespace {

static_assert(KvLayout::kPositions == kKeysPerBlock && KvLayout::kValueLanes == kLanes);

// Tokens of one task; each brings the query heads that share a key head.
constexpr int64_t kTokensPerTask = 16;

}  // namespace

void CpuBackend::StoreKeysValues(const KvLayout& kv, int64_t layer, const float* keys,
                                 const float* values, std::span<const SequenceRows> sequences) {
  const int64_t width = kv.num_kv_heads * kv.head_dim;
  for (const SequenceRows& sequence : sequences) {
    ForRows(sequence.rows, 2 * width, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t position = sequence.first_position + row;
        const int64_t place = position % kKeysPerBlock;
        float* block = sequence.blocks[position / kKeysPerBlock];
        const float* k = keys + (sequence.first_row + row) * width;
        const float* v = values + (sequence.first_row + row) * width;
        for (int64_t head = 0; head < kv.num_kv_heads; ++head) {
          float* to = block + kv.keys_offset(layer, head) + place;
          for (int64_t d = 0; d < kv.head_dim; ++d)
            to[d * kKeysPerBlock] = k[head * kv.head_dim + d];
          std::memcpy(block + kv.values_offset(layer, head) + place * kv.value_dim(),
                      v + head * kv.head_dim, static_cast<size_t>(kv.head_dim) * sizeof(float));
        }
      }
    });
  }
}

void CpuBackend::Attention(const AttentionShape& shape, int64_t layer, const float* q,
                           std::span<const SequenceRows> sequences, float* y) {
  if (shape.may_round && kernels_.pairs.attend) {
    PairedAttention(shape, layer, q, sequences, y);
    return;
  }
  std::vector<AttentionTask> tasks;
  for (const SequenceRows& sequence : sequences) {
    for (int64_t token = 0; token < sequence.rows; token += kTokensPerTask) {
      const int64_t count = std::min(kTokensPerTask, sequence.rows - token);
      for (int64_t head = 0; head < shape.kv.num_kv_heads; ++head) {
        tasks.push_back({&sequence, head, token, count});
      }
    }
  }
  pool_->Run(static_cast<int64_t>(tasks.size()), [&](int64_t task, int worker) {
    Attend(shape, layer, q, tasks[static_cast<size_t>(task)], worker, y);
  });
}

// A few tokens of one sequence under one key head. Scores of whole blocks are computed and the
// hidden ones set to exact zeros afterwards, so a row does not depend on which rows came with it.
void CpuBackend::Attend(const AttentionShape& shape, int64_t layer, const float* q,
                        const AttentionTask& task, int worker, float* y) {
  const KvLayout& kv = shape.kv;
  const SequenceRows& sequence = *task.sequence;
  const int64_t group = shape.num_heads / kv.num_kv_heads;
  const int64_t rows = task.num_tokens * group;
  const int64_t first_position = sequence.first_position + task.first_token;
  const auto [base, span] = KeysSeen(shape, first_position, task.num_tokens);
  const int64_t first_block = base / kKeysPerBlock;
  const int64_t end_block = first_block + span / kKeysPerBlock;

  float* queries = Scratch(worker, rows * (kv.head_dim + span + kv.value_dim()));
  float* scores = queries + rows * kv.head_dim;
  float* sums = scores + rows * span;
  const auto row_offset = [&](int64_t row) {
    const int64_t token = sequence.first_row + task.first_token + row / group;
    return (token * shape.num_heads + task.kv_head * group + row % group) * kv.head_dim;
  };
  for (int64_t row = 0; row < rows; ++row) {
    std::memcpy(queries + row * kv.head_dim, q + row_offset(row),
                static_cast<size_t>(kv.head_dim) * sizeof(float));
  }
  for (int64_t block = first_block; block < end_block; ++block) {
    kernels_.score_keys(queries, rows, kv.head_dim,
                        sequence.blocks[block] + kv.keys_offset(layer, task.kv_head), kv.head_dim,
                        shape.scale, scores + block * kKeysPerBlock - base, span);
  }
  std::fill_n(sums, rows * kv.value_dim(), 0.0F);
  float* totals = queries;  // the queries are done with
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t position = first_position + row / group;
    totals[row] = kernels_.softmax(scores + row * span, FirstSeen(shape, position) - base,
                                   position + 1 - base, span);
  }
  for (int64_t block = first_block; block < end_block; ++block) {
    kernels_.weigh_values(scores + block * kKeysPerBlock - base, rows, span,
                          sequence.blocks[block] + kv.values_offset(layer, task.kv_head),
                          kv.value_dim(), sums);
  }
  for (int64_t row = 0; row < rows; ++row) {
    float* out = y + row_offset(row);
    const float* sum = sums + row * kv.value_dim();
    for (int64_t d = 0; d < kv.head_dim; ++d) out[d] = sum[d] / totals[row];
  }
}

}  // namespace dear::cpu
