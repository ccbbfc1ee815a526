#include "model/model_builder.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "formats/bnb_checkpoint.h"
#include "tensor/packed_matrix.h"

namespace dear {
namespace {

std::string Shape(int64_t rows, int64_t cols) {
  return "[" + std::to_string(rows) + ", " + std::to_string(cols) + "]";
}

}  // namespace

void RequireFinite(std::span<const float> values, const std::string& where) {
  if (std::ranges::all_of(values, [](float value) { return std::isfinite(value); })) return;
  throw Error(ErrorCode::kInvalidFormat, where, "holds NaN or infinity");
}

bool ModelBuilder::Converts(Place place) const {
  switch (options_.weights.form) {
    case WeightForm::kAuto: return false;
    case WeightForm::kF32:
    case WeightForm::kBF16: return true;
    default: return place == Place::kProjection;
  }
}

std::shared_ptr<const Matrix> ModelBuilder::ForProducts(std::shared_ptr<const Matrix> weight,
                                                        Place place) const {
  ThreadPool* pool = options_.pool.get();
  if (options_.compute == Compute::kReference) return weight;
  const bool scores = place == Place::kHead && config_.head == HeadKind::kSequenceClassification;
  if (options_.compute == Compute::kFast || scores) return PackMatrix(*weight, pool);
  constexpr int64_t kQ8Width = 32;
  if (!weight->Coded() && weight->cols() % kQ8Width == 0) {
    weight = ConvertMatrix(weight, {.form = WeightForm::kQ8_0}, pool);
  }
  return PackMatrix(*weight, pool, Activations::kInt8);
}

std::shared_ptr<const Matrix> ModelBuilder::PackedBefore(const std::string& name, int64_t out,
                                                         int64_t in) const {
  if (options_.packed == nullptr || options_.compute == Compute::kReference) return nullptr;
  auto weight = options_.packed->Find(name);
  return weight && weight->rows() == out && weight->cols() == in ? weight : nullptr;
}

void ModelBuilder::Report() {
  if (options_.progress) {
    options_.progress("loading weights", next_id_, 2 + 11 * config_.num_layers);
  }
}

std::vector<float> ModelBuilder::LoadVector(const std::string& name, int64_t size) {
  const Tensor tensor = checkpoint_.tensors->Get(name);
  if (tensor.shape != std::vector<int64_t>{size}) {
    throw Error(ErrorCode::kInvalidFormat, tensor.Where(),
                "expected shape [" + std::to_string(size) + "], found " + tensor.ShapeString());
  }
  std::vector<float> values = ToF32(tensor);
  RequireFinite(values, tensor.Where());
  return values;
}

std::shared_ptr<const Matrix> ModelBuilder::LoadMatrix(const std::string& name, int64_t out,
                                                       int64_t in, Place place) const {
  if (place != Place::kEmbedding) {
    if (auto packed = PackedBefore(name, out, in)) return packed;
  }
  auto weight = LoadWeight(*checkpoint_.tensors, name);
  const std::string where = checkpoint_.tensors->origin() + ": tensor '" + name + "'";
  if (weight->rows() != out || weight->cols() != in) {
    throw Error(
        ErrorCode::kInvalidFormat, where,
        "expected shape " + Shape(out, in) + ", found " + Shape(weight->rows(), weight->cols()));
  }
  try {
    if (Converts(place)) weight = ConvertMatrix(weight, options_.weights, options_.pool.get());
    // The embedding is looked up, row by row, where it lies.
    return place == Place::kEmbedding ? weight : ForProducts(weight, place);
  } catch (const Error& error) {
    throw error.Within(where);
  }
}

Linear ModelBuilder::LoadLinear(const std::string& name, int64_t out, int64_t in, bool bias,
                                Place place) {
  Linear linear{.name = name, .id = next_id_++};
  linear.weight = LoadMatrix(name + ".weight", out, in, place);
  if (bias) linear.bias = LoadVector(name + ".bias", out);
  Report();
  return linear;
}

Norm ModelBuilder::LoadNorm(const std::string& name, int64_t size) {
  return {.name = name, .id = next_id_++, .weight = LoadVector(name + ".weight", size)};
}

LayerWeights ModelBuilder::LoadLayer(int64_t index) {
  const std::string layer = "model.layers." + std::to_string(index) + ".";
  const int64_t hidden = config_.hidden_size;
  const int64_t heads = config_.num_heads * config_.head_dim;
  const int64_t kv_heads = config_.num_kv_heads * config_.head_dim;
  const auto projection = [&](const char* name, int64_t out, int64_t in, bool bias) {
    return LoadLinear(layer + name, out, in, bias, Place::kProjection);
  };
  LayerWeights weights;
  weights.input_norm = LoadNorm(layer + "input_layernorm", hidden);
  weights.q = projection("self_attn.q_proj", heads, hidden, config_.qkv_bias);
  weights.k = projection("self_attn.k_proj", kv_heads, hidden, config_.qkv_bias);
  weights.v = projection("self_attn.v_proj", kv_heads, hidden, config_.qkv_bias);
  weights.o = projection("self_attn.o_proj", hidden, heads, config_.o_bias);
  if (config_.qk_norm) {
    weights.q_norm = LoadNorm(layer + "self_attn.q_norm", config_.head_dim);
    weights.k_norm = LoadNorm(layer + "self_attn.k_norm", config_.head_dim);
  }
  weights.post_norm = LoadNorm(layer + "post_attention_layernorm", hidden);
  weights.gate = projection("mlp.gate_proj", config_.intermediate_size, hidden, config_.mlp_bias);
  weights.up = projection("mlp.up_proj", config_.intermediate_size, hidden, config_.mlp_bias);
  weights.down = projection("mlp.down_proj", hidden, config_.intermediate_size, config_.mlp_bias);
  return weights;
}

Linear ModelBuilder::LoadHead(const Linear& embedding) {
  if (config_.head == HeadKind::kSequenceClassification) {
    // An adapter may bring the head that a base model lacks.
    if (!checkpoint_.tensors->Contains("score.weight")) return {.name = "score", .id = next_id_++};
    return LoadLinear("score", config_.num_labels, config_.hidden_size,
                      checkpoint_.tensors->Contains("score.bias"), Place::kHead);
  }
  if (config_.tie_word_embeddings) {
    Linear head{.name = "lm_head", .id = next_id_++};
    head.weight = PackedBefore("lm_head.weight", config_.vocab_size, config_.hidden_size);
    try {
      if (!head.weight) head.weight = ForProducts(embedding.weight, Place::kHead);
      return head;
    } catch (const Error& error) {
      throw error.Within(checkpoint_.tensors->origin() + ": tensor 'model.embed_tokens.weight'");
    }
  }
  return LoadLinear("lm_head", config_.vocab_size, config_.hidden_size,
                    checkpoint_.tensors->Contains("lm_head.bias"), Place::kHead);
}

void ModelBuilder::Build(Model& model) {
  model.embedding_ = LoadLinear("model.embed_tokens", config_.vocab_size, config_.hidden_size,
                                /*bias=*/false, Place::kEmbedding);
  for (int64_t index = 0; index < config_.num_layers; ++index) {
    model.layers_.push_back(LoadLayer(index));
  }
  model.final_norm_ = LoadNorm("model.norm", config_.hidden_size);
  model.head_ = LoadHead(model.embedding_);
  model.num_modules_ = next_id_;
}

void ModelBuilder::BuildHead(Model& model) {
  next_id_ = model.head_.id;
  model.head_ = LoadHead(model.embedding_);
}

}  // namespace dear
