#ifndef DEAR_KERNELS_BACKWARD_OPS_H_
#define DEAR_KERNELS_BACKWARD_OPS_H_

#include <cstdint>
#include <memory>
#include <span>

#include "base/thread_pool.h"
#include "kernels/backend.h"
#include "tensor/matrix.h"

namespace dear {

// The rows of a sequence from its first token on.
struct WholeSequence {
  int64_t first_row = 0;  // in the packed activations
  int64_t rows = 0;
  bool padded_last = false;  // the last row is a slot of padding, which does not see itself
};

// The backward twins of the ops of a Backend: from the gradient dy of what an op wrote, the
// gradients of what it read. Those of inputs and weights are added to what dx and dw hold, unless
// said otherwise. Activations are row-major f32 as the forward op had them. Whatever is summed is
// summed in an order that the shapes fix: the number of threads changes no bit.
class BackwardOps {
 public:
  virtual ~BackwardOps() = default;

  // Of MatMul: dx [rows, w.cols()] += dy W, dy [rows, w.rows()]. Reads W in the form in which it
  // is held, a block of its rows at a time; where W is packed for bf16 activations (tensor/
  // packed_matrix.h), dy and W are rounded to bf16 before they are multiplied, as in the forward
  // op.
  virtual void MatMulInput(const float* dy, int64_t rows, const Matrix& w, float* dx) = 0;
  // The same for a small dense factor w [out, in] of an adapter.
  virtual void MatMulInput(const float* dy, int64_t rows, int64_t out, const float* w, int64_t in,
                           float* dx) = 0;
  // dw [out, in] += dy^T x: dy [rows, out], x [rows, in].
  virtual void MatMulWeight(const float* dy, const float* x, int64_t rows, int64_t out, int64_t in,
                            float* dw) = 0;

  // db [out] += the sum of the rows of dy [rows, out], of a bias.
  virtual void Bias(const float* dy, int64_t rows, int64_t out, float* db) = 0;
  // Of Embed: dtable[ids[r]] += scale * dy[r], dy [ids, width], dtable [.., width].
  virtual void Embed(const float* dy, std::span<const int32_t> ids, int64_t width, float scale,
                     float* dtable) = 0;

  // Of RmsNorm, for x as it was before the norm.
  virtual void RmsNorm(const float* x, const float* dy, int64_t rows, int64_t n, const float* w,
                       bool plus_one, float eps, float* dx) = 0;
  // dw [n] += the sum over the rows of dy x / sqrt(mean(x^2) + eps).
  virtual void RmsNormWeight(const float* x, const float* dy, int64_t rows, int64_t n, float eps,
                             float* dw) = 0;

  // Of Gate: dgate and dup are written; dgate may be gate, dup may be up or dy.
  virtual void Gate(GateActivation activation, const float* gate, const float* up, const float* dy,
                    int64_t rows, int64_t n, float* dgate, float* dup) = 0;

  // losses[r] = -log softmax(logits[r])[targets[r]], logits [rows, width], targets within the
  // width.
  virtual void CrossEntropy(const float* logits, int64_t rows, int64_t width,
                            const int32_t* targets, double* losses) = 0;
  // The same and, in place of the logits, the gradient of the sum of scales[r] * losses[r].
  virtual void CrossEntropyGradient(float* logits, int64_t rows, int64_t width,
                                    const int32_t* targets, const float* scales,
                                    double* losses) = 0;

  // Of Attention over whole sequences, from q [rows, num_heads * head_dim] and k, v
  // [rows, num_kv_heads * head_dim] as they went in (turned by Rope): dq, dk and dv are written.
  // The probabilities are computed again, a few queries at a time.
  virtual void Attention(const AttentionShape& shape, const float* q, const float* k,
                         const float* v, const float* dy, std::span<const WholeSequence> sequences,
                         float* dq, float* dk, float* dv) = 0;
};

// On the CPU, with the instruction set that MakeCpuBackend would choose.
std::unique_ptr<BackwardOps> MakeCpuBackwardOps(std::shared_ptr<ThreadPool> pool);

}  // namespace dear

#endif  // DEAR_KERNELS_BACKWARD_OPS_H_
