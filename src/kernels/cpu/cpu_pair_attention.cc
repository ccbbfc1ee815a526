// Attention by products of bf16 pairs: keys and values of all sequences become panels once, scores
// are products of queries with the keys' panels, what is attended products of softmax's weights
// with the values'. Sums and softmax are f32.
//
// A row's bits stay its own: keys come in blocks at fixed positions, and what is hidden from a row,
// in front of its window or behind it, has weights that are exact zeros.
#include <algorithm>
#include <utility>
#include <vector>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/keys_seen.h"

namespace dear::cpu {
namespace {

static_assert(kKeysPerBlock == PackedWeights::kDepth && kKeysPerBlock % kPanelOuts == 0 &&
              kLanes == kPanelOuts);

// Query rows of one task: whole tiles, and scores that stay in the second cache.
constexpr int64_t kRowsPerTask = 96;
// Blocks of keys that one task turns into panels.
constexpr int64_t kBlocksPerTask = 8;

}  // namespace

// Where keys and values of one sequence lie as panels, for each key head
//   keys    [span / 16][depth / 2][16][2]       depth: head_dim, filled up with zeros
//   values  [value_dim / 16][span / 2][16][2]
// with span positions from first_block on.
struct CpuBackend::PairedSequence {
  const SequenceRows* sequence;
  int64_t first_block;
  int64_t num_blocks;
  int64_t head_size;  // numbers of one key head
  uint16_t* pairs;

  int64_t span() const { return num_blocks * kKeysPerBlock; }
  uint16_t* keys(int64_t kv_head) const { return pairs + kv_head * head_size; }
  uint16_t* values(int64_t kv_head, int64_t depth) const { return keys(kv_head) + span() * depth; }
};

void CpuBackend::PairBlocks(const KvLayout& kv, int64_t layer, const PairedSequence& paired,
                            int64_t kv_head, int64_t first, int64_t count) {
  const int64_t depth = PaddedDepth(kv.head_dim);
  const int64_t value_stride = paired.span() * kPanelOuts;
  for (int64_t block = first; block < first + count; ++block) {
    const float* numbers = paired.sequence->blocks[paired.first_block + block];
    const float* keys = numbers + kv.keys_offset(layer, kv_head);
    uint16_t* key_pairs = paired.keys(kv_head) + block * kKeysPerBlock * depth;
    for (int64_t key = 0; key < kKeysPerBlock; key += kPanelOuts) {
      kernels_.pairs.interleave(keys + key, kKeysPerBlock, kv.head_dim, depth,
                                key_pairs + key * depth);
    }
    const float* values = numbers + kv.values_offset(layer, kv_head);
    uint16_t* value_pairs = paired.values(kv_head, depth) + block * kKeysPerBlock * kPanelOuts;
    for (int64_t d = 0; d < kv.value_dim(); d += kPanelOuts) {
      kernels_.pairs.interleave(values + d, kv.value_dim(), kKeysPerBlock, kKeysPerBlock,
                                value_pairs + d / kPanelOuts * value_stride);
    }
  }
}

void CpuBackend::PairedAttention(const AttentionShape& shape, int64_t layer, const float* q,
                                 std::span<const SequenceRows> sequences, float* y) {
  const KvLayout& kv = shape.kv;
  std::vector<PairedSequence> paired;
  paired.reserve(sequences.size());
  int64_t size = 0;
  for (const SequenceRows& sequence : sequences) {
    const KeySpan seen = KeysSeen(shape, sequence.first_position, sequence.rows);
    const int64_t first = seen.base / kKeysPerBlock;
    const int64_t blocks = seen.span / kKeysPerBlock;
    const int64_t head_size = blocks * kKeysPerBlock * (PaddedDepth(kv.head_dim) + kv.value_dim());
    paired.push_back({&sequence, first, blocks, head_size, nullptr});
    size += kv.num_kv_heads * head_size;
  }
  uint16_t* pairs = RoomFor(paired_, size);

  struct BlockTask {
    const PairedSequence* paired;
    int64_t kv_head;
    int64_t first;
  };
  std::vector<BlockTask> block_tasks;
  for (PairedSequence& of : paired) {
    of.pairs = pairs;
    pairs += kv.num_kv_heads * of.head_size;
    for (int64_t head = 0; head < kv.num_kv_heads; ++head) {
      for (int64_t block = 0; block < of.num_blocks; block += kBlocksPerTask) {
        block_tasks.push_back({&of, head, block});
      }
    }
  }
  pool_->Run(static_cast<int64_t>(block_tasks.size()), [&](int64_t number, int) {
    const BlockTask& task = block_tasks[static_cast<size_t>(number)];
    PairBlocks(kv, layer, *task.paired, task.kv_head, task.first,
               std::min(kBlocksPerTask, task.paired->num_blocks - task.first));
  });

  const int64_t group = shape.num_heads / kv.num_kv_heads;
  const int64_t tokens = std::max<int64_t>(1, kRowsPerTask / group);
  std::vector<std::pair<const PairedSequence*, AttentionTask>> tasks;
  for (const PairedSequence& of : paired) {
    for (int64_t token = 0; token < of.sequence->rows; token += tokens) {
      const int64_t count = std::min(tokens, of.sequence->rows - token);
      for (int64_t head = 0; head < kv.num_kv_heads; ++head) {
        tasks.push_back({&of, {of.sequence, head, token, count}});
      }
    }
  }
  pool_->Run(static_cast<int64_t>(tasks.size()), [&](int64_t number, int worker) {
    const auto& [of, task] = tasks[static_cast<size_t>(number)];
    AttendPaired(shape, *of, task, q, worker, y);
  });
}

void CpuBackend::AttendPaired(const AttentionShape& shape, const PairedSequence& paired,
                              const AttentionTask& task, const float* q, int worker, float* y) {
  const KvLayout& kv = shape.kv;
  const PairKernels& kernels = kernels_.pairs;
  const int64_t group = shape.num_heads / kv.num_kv_heads;
  const int64_t rows = task.num_tokens * group;
  const int64_t first_position = task.sequence->first_position + task.first_token;
  const auto [base, span] = KeysSeen(shape, first_position, task.num_tokens);
  const int64_t skipped = base - paired.first_block * kKeysPerBlock;
  const int64_t depth = PaddedDepth(kv.head_dim);
  const int64_t query_stride = RoundedStride(depth, kHalvesOfALine);
  const int64_t weight_stride = RoundedStride(span, kHalvesOfALine);

  // All of them whole cache lines.
  const int64_t score_floats = rows * span;
  const int64_t sum_floats = rows * kv.value_dim();
  float* scores =
      Scratch(worker, score_floats + sum_floats + rows * (query_stride + weight_stride) / 2 +
                          CeilDiv(rows + kv.head_dim, kLanes) * kLanes);
  float* sums = scores + score_floats;
  auto* queries = reinterpret_cast<uint16_t*>(sums + sum_floats);
  uint16_t* weights = queries + rows * query_stride;
  float* totals = reinterpret_cast<float*>(weights + rows * weight_stride);
  float* scaled = totals + rows;

  const auto row_offset = [&](int64_t row) {
    const int64_t token = task.sequence->first_row + task.first_token + row / group;
    return (token * shape.num_heads + task.kv_head * group + row % group) * kv.head_dim;
  };
  for (int64_t row = 0; row < rows; ++row) {
    const float* query = q + row_offset(row);
    for (int64_t d = 0; d < kv.head_dim; ++d) scaled[d] = query[d] * shape.scale;
    kernels.round_row(scaled, kv.head_dim, depth, queries + row * query_stride);
  }
  kernels.dot({.x = queries,
               .rows = rows,
               .x_stride = query_stride,
               .w = paired.keys(task.kv_head) + skipped * depth,
               .panel_stride = kPanelOuts * depth,
               .depth = depth,
               .outs = span,
               .add = false,
               .bias = nullptr,
               .y = scores,
               .y_stride = span});
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t position = first_position + row / group;
    totals[row] = kernels_.softmax(scores + row * span, FirstSeen(shape, position) - base,
                                   position + 1 - base, span);
    kernels.round_row(scores + row * span, span, span, weights + row * weight_stride);
  }
  kernels.dot({.x = weights,
               .rows = rows,
               .x_stride = weight_stride,
               .w = paired.values(task.kv_head, depth) + skipped * kPanelOuts,
               .panel_stride = paired.span() * kPanelOuts,
               .depth = span,
               .outs = kv.value_dim(),
               .add = false,
               .bias = nullptr,
               .y = sums,
               .y_stride = kv.value_dim()});
  for (int64_t row = 0; row < rows; ++row) {
    float* out = y + row_offset(row);
    const float* sum = sums + row * kv.value_dim();
    for (int64_t d = 0; d < kv.head_dim; ++d) out[d] = sum[d] / totals[row];
  }
}

}  // namespace dear::cpu
