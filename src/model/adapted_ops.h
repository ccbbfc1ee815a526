#ifndef DEAR_MODEL_ADAPTED_OPS_H_
#define DEAR_MODEL_ADAPTED_OPS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "base/aligned_vector.h"
#include "kernels/backend.h"
#include "model/lora_dropout.h"
#include "model/model.h"
#include "model/row_groups.h"

namespace dear {

// What an embedding is multiplied with before the first layer: 1, or gemma's root of the width.
float EmbeddingScale(const ModelConfig& config);

// The ops that hold weights, each row through its own adapter. Adapters see gathered rows, so a
// row's bits do not depend on who shares the call.
class AdaptedOps {
 public:
  AdaptedOps(Backend& backend, const ModelConfig& config) : backend_(backend), config_(config) {}

  // y [rows, hidden]: the embeddings of `ids`, scaled as the family does.
  void Embed(const Linear& embedding, const RowGroups& groups, std::span<const int32_t> ids,
             float* y);

  // y [rows, width] = linear(x) with LoRA; rows whose weight has fewer outputs than `width` end in
  // minus infinity. x [rows, in].
  void Apply(const Linear& linear, const RowGroups& groups, const float* x, int64_t width,
             float* y);

  // RMS norm of `vectors_per_row` vectors of `size` in each row. y may be x.
  void ApplyNorm(const Norm& norm, const RowGroups& groups, const float* x, int64_t vectors_per_row,
                 int64_t size, float* y);

  // From now on what enters LoRA factors loses numbers, as in training; probability 0: none.
  void SetDropout(const LoraDropout& dropout) { dropout_ = dropout; }
  const LoraDropout& dropout() const { return dropout_; }

  // Outputs of `head` under `adapter`. Throws kInvalidArgument where there is no head.
  static int64_t HeadWidth(const Linear& head, const Adapter* adapter);

 private:
  void ApplyBase(const Linear& linear, const RowGroups& groups, const float* x, int64_t width,
                 float* y);
  void AddDelta(const ModuleDelta& delta, const RowGroup& group, const float* a_out, int64_t out,
                float factor, const float* bias, int64_t width, float* y);
  // The same under DoRA and dropout, `dropped` being what entered A.
  void AddDroppedDora(const ModuleDelta& delta, const Matrix& weight, const RowGroup& group,
                      const float* dropped, const float* a_out, int64_t width, float* y);
  // x of the group's rows: x itself where the group is the whole call.
  const float* Gather(const RowGroups& groups, const RowGroup& group, const float* x, int64_t n);

  Backend& backend_;
  const ModelConfig& config_;
  LoraDropout dropout_;
  AlignedVector<float> dropped_;
  AlignedVector<float> gathered_;
  AlignedVector<float> inner_;
  AlignedVector<float> outer_;
  AlignedVector<float> scaled_;
};

}  // namespace dear

#endif  // DEAR_MODEL_ADAPTED_OPS_H_
