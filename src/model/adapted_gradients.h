#ifndef DEAR_MODEL_ADAPTED_GRADIENTS_H_
#define DEAR_MODEL_ADAPTED_GRADIENTS_H_

#include <cstdint>

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
  void Apply(const Linear& linear, const float* x, const float* dy, int64_t rows, float* dx);

  // Of y = norm(x) on vectors of `size` numbers, for x as it was before: adds to dx.
  void ApplyNorm(const Norm& norm, const float* x, const float* dy, int64_t vectors, int64_t size,
                 float* dx);

 private:
  void ApplyFactors(const Linear& linear, const ModuleDelta& delta, int64_t in, int64_t out,
                    const float* x, const float* dy, int64_t rows, float* dx);

  const ModelConfig& config_;
  Backend& backend_;
  BackwardOps& backward_;
  TrainableAdapter& adapter_;
  LoraDropout dropout_;
  AlignedVector<float> dropped_;  // d(x), then d(u A)
  AlignedVector<float> inner_;    // s A d(x)
  AlignedVector<float> dinner_;   // u
};

}  // namespace dear

#endif  // DEAR_MODEL_ADAPTED_GRADIENTS_H_
