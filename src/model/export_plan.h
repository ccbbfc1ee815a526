#ifndef DEAR_MODEL_EXPORT_PLAN_H_
#define DEAR_MODEL_EXPORT_PLAN_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "formats/checkpoint.h"
#include "model/adapter.h"
#include "model/model.h"

namespace dear {

// One tensor of a model that is to be written. Its numbers are made when they are asked for, so
// that a model larger than the memory can be written tensor by tensor.
struct ExportTensor {
  std::string name;  // of transformers
  std::vector<int64_t> shape;
  DType stored =
      DType::kF32;  // f32, f16 or bf16: what the source holds, or held before it was quantised
  bool is_projection = false;  // one of the seven matrices of a layer
  std::function<std::vector<float>()> values;

  int64_t elements() const;
};

// All tensors of a model in the order of its layers, with an adapter's changes added to them.
struct ExportPlan {
  ModelConfig config;  // vocabulary, head and tying as they are after the merge
  std::vector<ExportTensor> tensors;
};

// `adapter` may be null. Embedding and output head stay one matrix where they were and the adapter
// leaves both alone; otherwise each is written. The plan refers to `model` and `adapter`: they must
// outlive it. Throws kUnsupported for a classifier without its score head.
ExportPlan PlanExport(const Checkpoint& checkpoint, const Model& model, const Adapter* adapter);

}  // namespace dear

#endif  // DEAR_MODEL_EXPORT_PLAN_H_
