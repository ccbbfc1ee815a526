#include "model/model.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "base/error.h"
#include "model/model_builder.h"

namespace dear {

std::string_view ComputeName(Compute compute) {
  switch (compute) {
    case Compute::kReference: return "reference";
    case Compute::kFast: return "fast";
    case Compute::kInt8: return "int8";
  }
  return "";
}

std::shared_ptr<const Model> Model::Load(const Checkpoint& checkpoint, const LoadOptions& options) {
  auto model = std::shared_ptr<Model>(new Model());
  model->config_ = checkpoint.config;
  model->origin_ = checkpoint.tensors->origin();
  model->compute_ = options.compute;
  ModelBuilder(checkpoint, options).Build(*model);
  if (options.check_finite) model->CheckFinite(options.progress);
  return model;
}

std::shared_ptr<const Model> Model::WithHead(const Model& body, const Checkpoint& checkpoint,
                                             const LoadOptions& options) {
  auto model = std::shared_ptr<Model>(new Model(body));
  model->config_ = checkpoint.config;
  ModelBuilder(checkpoint, options).BuildHead(*model);
  return model;
}

void Model::ForEachLinear(const std::function<void(const Linear&)>& visit) const {
  visit(embedding_);
  for (const LayerWeights& layer : layers_) {
    for (const Linear* linear :
         {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down}) {
      visit(*linear);
    }
  }
  visit(head_);
}

void Model::ForEachNorm(const std::function<void(const Norm&)>& visit) const {
  for (const LayerWeights& layer : layers_) {
    visit(layer.input_norm);
    if (config_.qk_norm) {
      visit(layer.q_norm);
      visit(layer.k_norm);
    }
    visit(layer.post_norm);
  }
  visit(final_norm_);
}

uint64_t Model::weight_bytes() const {
  uint64_t bytes = 0;
  ForEachLinear([&](const Linear& linear) {
    bytes += linear.bias.size() * sizeof(float);
    // A tied head is the embedding's matrix.
    if (linear.weight && (linear.id == embedding_.id || linear.weight != embedding_.weight)) {
      bytes += linear.weight->bytes();
    }
  });
  ForEachNorm([&](const Norm& norm) { bytes += norm.weight.size() * sizeof(float); });
  return bytes;
}

void Model::CheckFinite(const ProgressFn& progress) const {
  constexpr int64_t kFloats = 1 << 16;
  int64_t done = 0;
  std::vector<float> block;
  ForEachLinear([&](const Linear& linear) {
    if (progress) progress("checking weights", done++, num_modules_);
    if (!linear.weight) return;
    const Matrix& weight = *linear.weight;
    const int64_t per_block = std::max<int64_t>(1, kFloats / std::max<int64_t>(1, weight.cols()));
    for (int64_t row = 0; row < weight.rows(); row += per_block) {
      const int64_t count = std::min(per_block, weight.rows() - row);
      block.resize(static_cast<size_t>(count * weight.cols()));
      weight.CopyRows(row, count, block.data());
      RequireFinite(block, origin_ + ": tensor '" + linear.name + ".weight'");
    }
  });
}

}  // namespace dear
