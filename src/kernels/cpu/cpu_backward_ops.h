#ifndef DEAR_KERNELS_CPU_CPU_BACKWARD_OPS_H_
#define DEAR_KERNELS_CPU_CPU_BACKWARD_OPS_H_

#include <memory>
#include <vector>

#include "base/aligned_vector.h"
#include "kernels/backward_ops.h"
#include "kernels/cpu/kernel_table.h"
#include "kernels/cpu/pooled_work.h"

namespace dear::cpu {

// Shares the backward ops out over a thread pool; the inner loops are those of one kernel table.
class CpuBackwardOps : public BackwardOps, private PooledWork {
 public:
  CpuBackwardOps(std::shared_ptr<ThreadPool> pool, const KernelTable& kernels);

  void MatMulInput(const float* dy, int64_t rows, const Matrix& w, float* dx) override;
  void MatMulInput(const float* dy, int64_t rows, int64_t out, const float* w, int64_t in,
                   float* dx) override;
  void MatMulWeight(const float* dy, const float* x, int64_t rows, int64_t out, int64_t in,
                    float* dw) override;
  void Bias(const float* dy, int64_t rows, int64_t out, float* db) override;
  void Embed(const float* dy, std::span<const int32_t> ids, int64_t width, float scale,
             float* dtable) override;
  void RmsNorm(const float* x, const float* dy, int64_t rows, int64_t n, const float* w,
               bool plus_one, float eps, float* dx) override;
  void RmsNormWeight(const float* x, const float* dy, int64_t rows, int64_t n, float eps,
                     float* dw) override;
  void Gate(GateActivation activation, const float* gate, const float* up, const float* dy,
            int64_t rows, int64_t n, float* dgate, float* dup) override;
  void CrossEntropy(const float* logits, int64_t rows, int64_t width, const int32_t* targets,
                    double* losses) override;
  void CrossEntropyGradient(float* logits, int64_t rows, int64_t width, const int32_t* targets,
                            const float* scales, double* losses) override;
  void Attention(const AttentionShape& shape, const float* q, const float* k, const float* v,
                 const float* dy, std::span<const WholeSequence> sequences, float* dq, float* dk,
                 float* dv) override;

 private:
  // What attention read and what its gradients are written to.
  struct AttentionRows {
    const float *q, *k, *v, *dy;
    float *dq, *dk, *dv;
  };

  // Of one row; exp(logits - their largest) stands in the worker's scratch.
  struct RowLoss {
    float* exponentials = nullptr;
    double total = 0;  // their sum
    double loss = 0;
  };
  RowLoss LossOf(const float* logits, int64_t width, int32_t target, int worker);

  // MatMulInput of weights that meet bf16 activations: dy is rounded as those are.
  void MatMulInputPairs(const float* dy, int64_t rows, const Matrix& w, float* dx);
  // Panels [first, first + count) of w, those behind its last one zeros, into turned_.
  void TurnPanels(const PackedWeights& w, int64_t first, int64_t count);
  // Shares the outputs of `sum` out over the threads.
  void AddOuter(const OuterSum& sum);
  // One key head of one sequence.
  void AttendBack(const AttentionShape& shape, const AttentionRows& rows,
                  const WholeSequence& sequence, int64_t kv_head, int worker);
  // The same by products of bf16 pairs.
  void AttendBackPaired(const AttentionShape& shape, const AttentionRows& rows,
                        const WholeSequence& sequence, int64_t kv_head, int worker);
  // From the scores of the queries of `tokens` tokens, [rows, keys that they see], and the gradient
  // of their probabilities: the probabilities, and `scale` times the gradient of the scores.
  void SoftmaxBack(const AttentionShape& shape, const WholeSequence& sequence, int64_t token,
                   int64_t tokens, float scale, float* weights, float* dweights);

  // Tokens whose probabilities are in memory at a time; each brings the query heads of a key head.
  static constexpr int64_t kTokensPerAttentionPart = 32;

  const KernelTable& kernels_;
  AlignedVector<float> weights_;    // a block of rows of a matrix, widened
  AlignedVector<uint32_t> turned_;  // or as bf16 pairs in panels of its columns
  RoundedRows rounded_;             // dy
};

}  // namespace dear::cpu

#endif  // DEAR_KERNELS_CPU_CPU_BACKWARD_OPS_H_
