#ifndef DEAR_KERNELS_CPU_CPU_BACKEND_H_
#define DEAR_KERNELS_CPU_CPU_BACKEND_H_

#include <algorithm>
#include <memory>
#include <vector>

#include "base/aligned_vector.h"
#include "kernels/backend.h"
#include "kernels/cpu/kernel_table.h"
#include "kernels/cpu/pooled_work.h"
#include "tensor/packed_matrix.h"

namespace dear::cpu {

// Shares the ops out over a thread pool; the inner loops are those of one kernel table.
class CpuBackend : public Backend, private PooledWork {
 public:
  CpuBackend(std::shared_ptr<ThreadPool> pool, const KernelTable& kernels);

  std::string_view name() const override { return name_; }
  void Embed(const Matrix& table, std::span<const int32_t> ids, float scale, float* y) override;
  void MatMul(const float* x, int64_t rows, const Matrix& w, const float* bias, float* y) override;
  void MatMul(const float* x, int64_t rows, int64_t in, const float* w, int64_t out,
              const float* bias, float* y) override;
  void RmsNorm(const float* x, int64_t rows, int64_t n, const float* w, bool plus_one, float eps,
               float* y) override;
  void Rope(float* x, int64_t rows, int64_t num_heads, int64_t head_dim, const float* cos,
            const float* sin) override;
  void StoreKeysValues(const KvLayout& kv, int64_t layer, const float* keys, const float* values,
                       std::span<const SequenceRows> sequences) override;
  void Attention(const AttentionShape& shape, int64_t layer, const float* q,
                 std::span<const SequenceRows> sequences, float* y) override;
  void Gate(GateActivation activation, const float* gate, const float* up, int64_t rows, int64_t n,
            float* y) override;
  void AddScaled(const float* x, float factor, int64_t n, float* y) override;
  void GatherRows(const float* x, std::span<const int32_t> rows, int64_t n, float* y) override;
  void ScatterRows(const float* x, std::span<const int32_t> rows, int64_t n, int64_t y_width,
                   float rest, float* y) override;
  void AddAdapter(const float* x, std::span<const int32_t> rows, int64_t n, float factor,
                  const float* dora_scale, const float* bias, int64_t y_width, float* y) override;
  void AddLowRank(const float* x, std::span<const int32_t> rows, int64_t k, const float* b,
                  int64_t n, float factor, int64_t y_width, float* y) override;

 private:
  struct AttentionTask {
    const SequenceRows* sequence;
    int64_t kv_head;
    int64_t first_token;  // among the sequence's new rows
    int64_t num_tokens;
  };

  struct PairedSequence;

  // A part of a product with packed weights: a block of outputs for a block of rows.
  struct PackedTask {
    int64_t first_row;
    int64_t rows;
    int64_t first_out;
    int64_t outs;
  };

  void MultiplyPacked(const float* x, int64_t rows, const Matrix& w, const float* bias, float* y);
  void RunPacked(const PackedTask& task, const Matrix& w, const float* bias, int worker, float* y);
  void RunBytes(const PackedTask& task, const Matrix& w, const float* bias, int worker, float* y);
  // The rows of x [rows, cols] as int8 numbers for `weights`, with what their segments bring.
  void QuantizeRows(const float* x, int64_t rows, int64_t cols, const PackedWeights& weights);

  void Attend(const AttentionShape& shape, int64_t layer, const float* q, const AttentionTask& task,
              int worker, float* y);

  // The same by products of bf16 pairs, for all sequences.
  void PairedAttention(const AttentionShape& shape, int64_t layer, const float* q,
                       std::span<const SequenceRows> sequences, float* y);
  // Turns blocks [first, first + count) of one key head into panels.
  void PairBlocks(const KvLayout& kv, int64_t layer, const PairedSequence& paired, int64_t kv_head,
                  int64_t first, int64_t count);
  void AttendPaired(const AttentionShape& shape, const PairedSequence& paired,
                    const AttentionTask& task, const float* q, int worker, float* y);

  const KernelTable& kernels_;
  std::string name_;
  RoundedRows rounded_;
  AlignedVector<int8_t> bytes_;
  int64_t bytes_stride_ = 0;  // numbers of a row
  std::vector<ByteSegment> segments_;
  int64_t segments_stride_ = 0;
  AlignedVector<uint16_t> paired_;
  AlignedVector<float> low_rank_;
};

}  // namespace dear::cpu

#endif  // DEAR_KERNELS_CPU_CPU_BACKEND_H_
