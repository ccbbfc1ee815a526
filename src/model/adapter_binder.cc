#include "model/adapter_binder.h"

#include <array>
#include <optional>

#include "base/error.h"
#include "base/thread_pool.h"
#include "model/merge.h"
#include "model/model_builder.h"

namespace dear {
namespace {

// The parts of peft's names, longest first where one ends like another.
constexpr std::array<std::string_view, 8> kParts = {
    "lora_magnitude_vector.weight",
    "lora_magnitude_vector",
    "lora_embedding_A",
    "lora_embedding_B",
    "lora_A.weight",
    "lora_B.weight",
    "lora_B.bias",
    "weight",
};

std::optional<std::pair<std::string, std::string>> SplitName(const std::string& name) {
  for (const std::string_view part : kParts) {
    if (name.size() > part.size() + 1 && name.ends_with(part) &&
        name[name.size() - part.size() - 1] == '.') {
      return std::pair(name.substr(0, name.size() - part.size() - 1), std::string(part));
    }
  }
  if (name.ends_with(".bias")) return std::pair(name.substr(0, name.size() - 5), "bias");
  return std::nullopt;
}

[[noreturn]] void FailTensor(const Tensor& tensor, const std::string& message) {
  throw Error(ErrorCode::kInvalidFormat, tensor.Where(), message);
}

std::vector<float> Numbers(const Tensor& tensor, const std::vector<int64_t>& shape) {
  if (tensor.shape != shape) {
    std::string expected;
    for (const int64_t extent : shape) {
      expected += (expected.empty() ? "" : ", ") + std::to_string(extent);
    }
    FailTensor(tensor, "expected shape [" + expected + "], found " + tensor.ShapeString() +
                           ": is this adapter for another base model?");
  }
  std::vector<float> values = ToF32(tensor);
  RequireFinite(values, tensor.Where());
  return values;
}

template <class Map>
std::optional<Tensor> Take(Map& parts, std::string_view part) {
  const auto found = parts.find(part);
  if (found == parts.end()) return std::nullopt;
  Tensor tensor = std::move(found->second);
  parts.erase(found);
  return tensor;
}

std::vector<float> Transposed(const std::vector<float>& values, int64_t rows, int64_t cols) {
  std::vector<float> out(values.size());
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) {
      out[static_cast<size_t>(c * rows + r)] = values[static_cast<size_t>(r * cols + c)];
    }
  }
  return out;
}

const Matrix& WeightUnder(const Linear& linear, const ModuleDelta& delta) {
  return delta.replaced_weight ? *delta.replaced_weight : *linear.weight;
}

}  // namespace

void AdapterBinder::SortTensors() {
  for (const std::string& name : files_.tensors->Names()) {
    Tensor tensor = files_.tensors->Get(name);
    auto split = SplitName(name);
    if (!split) FailTensor(tensor, "is no part of a LoRA adapter that this program knows");
    modules_[split->first].emplace(split->second, std::move(tensor));
  }
}

bool AdapterBinder::IsTargeted(const Linear& linear) const {
  return !SavesModule(files_.config, linear.name) &&
         TargetsModule(files_.config, linear.name, linear.id == base_.head().id);
}

void AdapterBinder::Bind(Adapter& adapter) {
  SortTensors();
  adapter.base_ = base_.shared_from_this();
  adapter.deltas_.resize(static_cast<size_t>(base_.num_modules()));
  bool adapts_any = false;
  const auto take_parts = [&](const std::string& module) {
    const auto found = modules_.find(module);
    Parts parts;
    if (found != modules_.end()) {
      parts = std::move(found->second);
      modules_.erase(found);
    }
    return parts;
  };
  base_.ForEachLinear([&](const Linear& linear) {
    auto& delta = adapter.deltas_[static_cast<size_t>(linear.id)];
    delta = BindLinear(linear, take_parts(linear.name));
    adapts_any |= delta != nullptr;
  });
  base_.ForEachNorm([&](const Norm& norm) {
    auto& delta = adapter.deltas_[static_cast<size_t>(norm.id)];
    delta = BindNorm(norm, take_parts(norm.name));
    adapts_any |= delta != nullptr;
  });
  if (!modules_.empty()) {
    FailTensor(
        modules_.begin()->second.begin()->second,
        "the base model " + base_.origin() + " has no module '" + modules_.begin()->first + "'");
  }
  if (!adapts_any) {
    throw Error(ErrorCode::kInvalidFormat, files_.path.string(),
                "its target_modules match no module of the base model " + base_.origin());
  }
  TieHead(adapter);
}

std::unique_ptr<ModuleDelta> AdapterBinder::BindLinear(const Linear& linear, Parts parts) const {
  const bool targeted = IsTargeted(linear);
  if (parts.empty() && !targeted && !SavesModule(files_.config, linear.name)) return nullptr;
  auto delta = std::make_unique<ModuleDelta>();
  delta->is_embedding = linear.id == base_.embedding().id;
  BindSaved(linear, parts, *delta);
  if (targeted) BindLora(linear, parts, *delta);
  if (!parts.empty()) {
    FailTensor(parts.begin()->second,
               "adapter_config.json says nothing of a change of module '" + linear.name + "'");
  }
  return delta;
}

void AdapterBinder::BindSaved(const Linear& linear, Parts& parts, ModuleDelta& delta) const {
  const bool saves = SavesModule(files_.config, linear.name);
  // peft also saves embeddings whose vocabulary was changed, unasked.
  const bool is_vocabulary = delta.is_embedding || (linear.id == base_.head().id &&
                                                    base_.config().head == HeadKind::kCausalLm);
  if (saves || is_vocabulary) {
    if (auto weight = Take(parts, "weight")) {
      const std::string where = weight->Where();
      auto matrix = MakeMatrix(*weight);
      const bool any_rows = is_vocabulary || !linear.weight;
      if (matrix->cols() != base_.config().hidden_size && linear.id == base_.head().id) {
        FailTensor(*weight, "expected rows of " + std::to_string(base_.config().hidden_size) +
                                ", found " + weight->ShapeString());
      }
      if (linear.weight && (matrix->cols() != linear.weight->cols() ||
                            (!any_rows && matrix->rows() != linear.weight->rows()))) {
        FailTensor(*weight, "does not fit the base's " + linear.name + " [" +
                                std::to_string(linear.weight->rows()) + ", " +
                                std::to_string(linear.weight->cols()) + "]: found " +
                                weight->ShapeString());
      }
      if (matrix->rows() == 0) FailTensor(*weight, "is empty");
      RequireFinite(ToF32(*weight), where);
      delta.replaced_weight = std::move(matrix);
    } else if (saves) {
      throw Error(ErrorCode::kInvalidFormat, files_.tensors->origin(),
                  "tensor '" + linear.name +
                      ".weight' is missing, though modules_to_save names its module");
    }
  }
  if (saves || files_.config.bias != "none") {
    if (auto bias = Take(parts, "bias")) {
      const int64_t rows = delta.replaced_weight ? delta.replaced_weight->rows()
                           : linear.weight       ? linear.weight->rows()
                                                 : 0;
      delta.replaced_bias = Numbers(*bias, {rows});
      delta.has_replaced_bias = true;
    }
  }
}

void AdapterBinder::BindLora(const Linear& linear, Parts& parts, ModuleDelta& delta) const {
  const LoraConfig& config = files_.config;
  const auto require = [&](const char* part) {
    if (auto tensor = Take(parts, part)) return *std::move(tensor);
    throw Error(ErrorCode::kInvalidFormat, files_.tensors->origin(),
                "tensor '" + linear.name + "." + part +
                    "' is missing, though target_modules names its module");
  };
  if (!linear.weight && !delta.replaced_weight) {
    throw Error(ErrorCode::kInvalidFormat, files_.path.string(),
                "adapts module '" + linear.name + "', which the base model lacks");
  }
  const Matrix& weight = WeightUnder(linear, delta);
  delta.rank = RankOf(config, linear.name);
  delta.scaling = static_cast<float>(ScalingOf(config, linear.name));
  if (delta.is_embedding) {
    delta.a = Transposed(Numbers(require("lora_embedding_A"), {delta.rank, weight.rows()}),
                         delta.rank, weight.rows());
    delta.b = Numbers(require("lora_embedding_B"), {weight.cols(), delta.rank});
  } else {
    delta.a = Numbers(require("lora_A.weight"), {delta.rank, weight.cols()});
    delta.b = Numbers(require("lora_B.weight"), {weight.rows(), delta.rank});
    if (config.lora_bias) delta.b_bias = Numbers(require("lora_B.bias"), {weight.rows()});
  }
  if (!config.use_dora) return;
  auto magnitude = Take(parts, "lora_magnitude_vector");
  if (!magnitude) magnitude = require("lora_magnitude_vector.weight");
  BindDora(linear, *magnitude, delta);
}

void AdapterBinder::BindDora(const Linear& linear, const Tensor& magnitude,
                             ModuleDelta& delta) const {
  const Matrix& weight = WeightUnder(linear, delta);
  delta.dora_magnitude = Numbers(magnitude, {delta.is_embedding ? weight.cols() : weight.rows()});
  ThreadPool pool;
  UpdateDora(weight, delta, pool);
  RequireFinite(delta.dora_scale, magnitude.Where() + " over the norms of the weight");
}

std::unique_ptr<ModuleDelta> AdapterBinder::BindNorm(const Norm& norm, Parts parts) const {
  const bool saves = SavesModule(files_.config, norm.name);
  if (parts.empty() && !saves) return nullptr;
  auto weight = saves ? Take(parts, "weight") : std::nullopt;
  if (!parts.empty()) {
    FailTensor(parts.begin()->second,
               "adapter_config.json says nothing of a change of module '" + norm.name + "'");
  }
  if (!weight) {
    throw Error(
        ErrorCode::kInvalidFormat, files_.tensors->origin(),
        "tensor '" + norm.name + ".weight' is missing, though modules_to_save names its module");
  }
  auto delta = std::make_unique<ModuleDelta>();
  delta->replaced_norm = Numbers(*weight, {static_cast<int64_t>(norm.weight.size())});
  return delta;
}

// Where output and input embedding are one tensor, an embedding that was saved because its
// vocabulary changed is the output embedding as well.
void AdapterBinder::TieHead(Adapter& adapter) const {
  const auto& embedding = adapter.deltas_[static_cast<size_t>(base_.embedding().id)];
  auto& head = adapter.deltas_[static_cast<size_t>(base_.head().id)];
  if (base_.config().head != HeadKind::kCausalLm || !base_.config().tie_word_embeddings ||
      !embedding || !embedding->replaced_weight || (head && head->replaced_weight) ||
      SavesModule(files_.config, base_.embedding().name)) {
    return;
  }
  if (!head) head = std::make_unique<ModuleDelta>();
  head->replaced_weight = embedding->replaced_weight;
}

}  // namespace dear
