#ifndef DEAR_MODEL_ADAPTED_GRADIENTS_H_
#define DEAR_MODEL_ADAPTED_GRADIENTS_H_

#include <cstdint>
#include <span>

#include "base/aligned_vector.h"
#include "kernels/backend.h"
#include "kernels/backward_ops.h"
#include "model/lora_dropout.h"
#include "model/model.h"
#include "model/trainable_adapter.h"

namespace dear {

// The backward twin of AdaptedOps, for rows that all go through one trainable adapter.
class AdaptedGradients {
 public:
  AdaptedGradients(const ModelConfig& config, Backend& backend, BackwardOps& backward,
                   TrainableAdapter& adapter)
      : config_(config), backend_(backend), backward_(backward), adapter_(adapter) {}

  // The dropout under which the forward pass ran.
  void SetDropout(const LoraDropout& dropout) { dropout_ = dropout; }

  // Of y = linear(x): adds to the module's gradients and, unless dx is null, to dx [rows, in].
  // x [rows, in], dy [rows, out]. With y = W x + s B A d(x), d the dropout and u = s dy B:
  //   dB += s dy^T A d(x), dA += u^T d(x), dx += dy W + d(u A).
  // Under DoRA y = W x + (g - 1) W d(x) + g s B A d(x), g = magnitude / norm by output and the norm
  // a constant. With v = g dy and u = s v B:
  //   dmagnitude += sum over rows of dy (W d(x) + s B A d(x)) / norm,
  //   dB += s v^T A d(x), dA += u^T d(x), dx += dy W + d((g - 1) dy W + u A).
  void Apply(const Linear& linear, const float* x, const float* dy, int64_t rows, float* dx);

  // Of the rows of an embedding: adds to its gradient, where it has one.
  void ApplyEmbedding(const Linear& embedding, std::span<const int32_t> ids, const float* dy);

  // Of y = norm(x) on vectors of `size` numbers, for x as it was before: adds to the norm's
  // gradient and to dx.
  void ApplyNorm(const Norm& norm, const float* x, const float* dy, int64_t vectors, int64_t size,
                 float* dx);

 private:
  void ApplyFactors(const Linear& linear, const ModuleDelta& delta, int64_t in, int64_t out,
                    const float* x, const float* dy, int64_t rows, float* dx);
  void ApplyDora(const Linear& linear, const ModuleDelta& delta, const Matrix& weight,
                 const float* x, const float* dy, int64_t rows, float* dx);
  // d(x), which is x itself where nothing is dropped.
  const float* Dropped(const Linear& linear, const float* x, int64_t rows, int64_t in);
  // s A d(x).
  const float* Inner(const ModuleDelta& delta, const float* dropped, int64_t rows, int64_t in);
  // u for the factor b [out, rank]; dA += u^T d(x).
  const float* InnerGradient(const ModuleDelta& delta, const float* b, float* da,
                             const float* dropped, const float* dy, int64_t rows, int64_t in,
                             int64_t out);

  const ModelConfig& config_;
  Backend& backend_;
  BackwardOps& backward_;
  TrainableAdapter& adapter_;
  LoraDropout dropout_;
  AlignedVector<float> dropped_;  // d(x), then what goes back through d
  AlignedVector<float> inner_;    // s A d(x)
  AlignedVector<float> dinner_;   // u
  AlignedVector<float> outer_;    // W d(x), then g dy or (g - 1) dy
  AlignedVector<float> db_;       // s dy^T A d(x)
  AlignedVector<float> scaled_b_;
};

}  // namespace dear

#endif  // DEAR_MODEL_ADAPTED_GRADIENTS_H_
