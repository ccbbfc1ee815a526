#include "model/export_plan.h"

#include <utility>

#include "base/error.h"

namespace dear {
namespace {

class Planner {
 public:
  Planner(const Checkpoint& checkpoint, const Model& model, const Adapter* adapter)
      : model_(model), adapter_(adapter) {
    plan_.config = model.config();
    // GGUF holds gemma's norm weights with the 1 added; transformers' files hold them without.
    norms_less_one_ = checkpoint.gguf != nullptr && plan_.config.family == "gemma";
  }

  ExportPlan Make() && {
    const Linear& embedding = model_.embedding();
    const Linear& head = model_.head();
    ModelConfig& config = plan_.config;
    MakeRoomForBiases();
    AddLinear(embedding);
    for (size_t i = 0; i < model_.layers().size(); ++i) AddLayer(model_.layers()[i], i);
    AddNorm("model.norm.weight", model_.final_norm());
    if (config.head == HeadKind::kSequenceClassification) {
      if (head.weight == nullptr &&
          (Delta(head) == nullptr || Delta(head)->replaced_weight == nullptr))
        throw Error(ErrorCode::kUnsupported, "score.weight",
                    "the classifier has no score head to write");
      AddLinear(head);
      config.num_labels = plan_.tensors.back().shape[0];
    } else {
      if (ChangesApart(embedding, head)) config.tie_word_embeddings = false;
      if (!config.tie_word_embeddings) AddLinear(head);
    }
    config.vocab_size = plan_.tensors.front().shape[0];
    return std::move(plan_);
  }

 private:
  const ModuleDelta* Delta(const Linear& linear) const {
    return adapter_ == nullptr ? nullptr : adapter_->delta(linear.id);
  }

  // Whether the adapter leaves embedding and head with different weights.
  bool ChangesApart(const Linear& embedding, const Linear& head) const {
    const ModuleDelta* input = Delta(embedding);
    const ModuleDelta* output = Delta(head);
    if (input == nullptr && output == nullptr) return false;
    return input == nullptr || output == nullptr || input->rank > 0 || output->rank > 0 ||
           input->replaced_weight == nullptr || input->replaced_weight != output->replaced_weight;
  }

  bool AddsBias(const Linear& linear) const {
    const ModuleDelta* delta = Delta(linear);
    return delta != nullptr && !delta->b_bias.empty() && linear.bias.empty();
  }

  // An adapter's biases (lora_bias) where the base has none: transformers' models have them on all
  // projections of a kind or on none, so that the others get zeros.
  void MakeRoomForBiases() {
    bool attention = false;
    bool mlp = false;
    for (const LayerWeights& layer : model_.layers()) {
      for (const Linear* linear : {&layer.q, &layer.k, &layer.v, &layer.o})
        attention = attention || AddsBias(*linear);
      for (const Linear* linear : {&layer.gate, &layer.up, &layer.down})
        mlp = mlp || AddsBias(*linear);
    }
    ModelConfig& config = plan_.config;
    const bool attention_fits =
        config.family == "llama" || config.family == "qwen3" || config.family == "gemma";
    if ((attention && !attention_fits) || (mlp && config.family != "llama") ||
        AddsBias(model_.embedding()) || AddsBias(model_.head())) {
      throw Error(ErrorCode::kUnsupported, "lora_bias",
                  "the adapter adds biases where a " + config.family +
                      " model has no place for them; it cannot be merged");
    }
    if (attention) config.qkv_bias = config.o_bias = true;
    if (mlp) config.mlp_bias = true;
  }

  // Block types stand for weights that were bf16 unless the configuration says otherwise.
  DType Stored(const std::string& form) const {
    const std::string& dtype = plan_.config.torch_dtype;
    if (form == "f32") return DType::kF32;
    if (form == "f16") return DType::kF16;
    if (form == "bf16") return DType::kBF16;
    if (dtype == "float32") return DType::kF32;
    return dtype == "float16" ? DType::kF16 : DType::kBF16;
  }

  void Add(std::string name, std::vector<int64_t> shape, DType stored, bool is_projection,
           std::function<std::vector<float>()> values) {
    plan_.tensors.push_back(
        {std::move(name), std::move(shape), stored, is_projection, std::move(values)});
  }

  void AddVector(std::string name, std::vector<float> values) {
    const auto size = static_cast<int64_t>(values.size());
    Add(std::move(name), {size}, DType::kF32, false,
        [values = std::move(values)] { return values; });
  }

  void AddNorm(std::string name, const Norm& norm) {
    if (norm.weight.empty()) return;
    const ModuleDelta* delta = adapter_ == nullptr ? nullptr : adapter_->delta(norm.id);
    const bool replaced = delta != nullptr && !delta->replaced_norm.empty();
    std::vector<float> values = replaced ? delta->replaced_norm : norm.weight;
    if (norms_less_one_)
      for (float& value : values) value -= 1;
    AddVector(std::move(name), std::move(values));
  }

  void AddLinear(const Linear& linear, bool is_projection = false, bool has_bias = false) {
    const ModuleDelta* delta = Delta(linear);
    const Matrix* matrix = linear.weight.get();
    if (delta != nullptr && delta->replaced_weight != nullptr)
      matrix = delta->replaced_weight.get();
    const std::vector<int64_t> shape = {matrix->rows(), matrix->cols()};
    std::function<std::vector<float>()> values;
    if (delta != nullptr && delta->rank > 0) {
      values = [&linear, delta] { return MergedWeight(linear, *delta); };
    } else {
      values = [matrix] {
        std::vector<float> all(static_cast<size_t>(matrix->rows() * matrix->cols()));
        matrix->CopyRows(0, matrix->rows(), all.data());
        return all;
      };
    }
    Add(linear.name + ".weight", shape, Stored(matrix->form()), is_projection, std::move(values));
    const bool replaced = delta != nullptr && delta->has_replaced_bias;
    const std::vector<float>& bias = replaced ? delta->replaced_bias : linear.bias;
    const bool lora_bias = delta != nullptr && !delta->b_bias.empty();
    if (bias.empty() && !lora_bias && !has_bias) return;
    std::vector<float> merged = bias;
    merged.resize(static_cast<size_t>(shape[0]), 0.0F);
    if (lora_bias) {
      // y = W x + b + s (B A x + b_B): peft adds the scaled bias of B at a merge.
      for (size_t i = 0; i < merged.size(); ++i) {
        const float dora = delta->dora_scale.empty() ? 1.0F : delta->dora_scale[i];
        merged[i] += dora * delta->scaling * delta->b_bias[i];
      }
    }
    AddVector(linear.name + ".bias", std::move(merged));
  }

  void AddLayer(const LayerWeights& layer, size_t index) {
    const std::string prefix = "model.layers." + std::to_string(index) + ".";
    AddNorm(prefix + "input_layernorm.weight", layer.input_norm);
    const ModelConfig& config = plan_.config;
    for (const Linear* linear : {&layer.q, &layer.k, &layer.v})
      AddLinear(*linear, true, config.qkv_bias);
    AddLinear(layer.o, true, config.o_bias);
    AddNorm(prefix + "self_attn.q_norm.weight", layer.q_norm);
    AddNorm(prefix + "self_attn.k_norm.weight", layer.k_norm);
    AddNorm(prefix + "post_attention_layernorm.weight", layer.post_norm);
    for (const Linear* linear : {&layer.gate, &layer.up, &layer.down})
      AddLinear(*linear, true, config.mlp_bias);
  }

  const Model& model_;
  const Adapter* adapter_;
  bool norms_less_one_ = false;
  ExportPlan plan_;
};

}  // namespace

int64_t ExportTensor::elements() const {
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  return count;
}

ExportPlan PlanExport(const Checkpoint& checkpoint, const Model& model, const Adapter* adapter) {
  return Planner(checkpoint, model, adapter).Make();
}

}  // namespace dear
