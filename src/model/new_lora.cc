#include "model/new_lora.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <utility>

#include "base/error.h"
#include "base/thread_pool.h"
#include "formats/tensor_list.h"
#include "model/merge.h"

namespace dear {
namespace {

// The same numbers wherever this is compiled, which the distributions of <random> do not promise.
class Draws {
 public:
  Draws(uint64_t seed, int module_id)
      : engine_(seed * 1000003ULL + static_cast<uint64_t>(module_id)) {}

  // In (0, 1), in steps of 2^-53.
  double Uniform() { return (static_cast<double>(engine_() >> 11) + 0.5) * 0x1p-53; }
  // Box and Muller's transform.
  double Normal() {
    constexpr double kTwoPi = 6.283185307179586;
    const double radius = std::sqrt(-2.0 * std::log(Uniform()));
    return radius * std::cos(kTwoPi * Uniform());
  }

 private:
  std::mt19937_64 engine_;
};

void AddFactors(const Linear& linear, const LoraConfig& config, uint64_t seed,
                TensorList& tensors) {
  const int64_t rank = RankOf(config, linear.name);
  const int64_t in = linear.weight->cols();
  Draws draws(seed, linear.id);
  const double bound = 1.0 / std::sqrt(static_cast<double>(in));
  std::vector<float> a(static_cast<size_t>(rank * in));
  for (float& value : a) value = static_cast<float>(bound * (2.0 * draws.Uniform() - 1.0));
  tensors.Add(MakeTensor(linear.name + ".lora_A.weight", {rank, in}, std::move(a)));
  tensors.Add(MakeTensor(linear.name + ".lora_B.weight", {linear.weight->rows(), rank},
                         std::vector<float>(static_cast<size_t>(linear.weight->rows() * rank))));
  if (!config.use_dora) return;
  // The norms of the weight itself, so that every scale is 1.
  ThreadPool pool;
  tensors.Add(MakeTensor(linear.name + ".lora_magnitude_vector", {linear.weight->rows()},
                         AdaptedNorms(*linear.weight, ModuleDelta{}, pool)));
}

// A module as peft's modules_to_save has it.
void AddWhole(const Model& base, const Linear& linear, uint64_t seed, TensorList& tensors) {
  int64_t rows = 0;
  std::vector<float> values = StartingWeight(base, linear, seed, &rows);
  const int64_t cols = linear.weight ? linear.weight->cols() : base.config().hidden_size;
  tensors.Add(MakeTensor(linear.name + ".weight", {rows, cols}, std::move(values)));
  if (linear.bias.empty()) return;
  tensors.Add(
      MakeTensor(linear.name + ".bias", {static_cast<int64_t>(linear.bias.size())}, linear.bias));
}

}  // namespace

std::vector<float> StartingWeight(const Model& base, const Linear& linear, uint64_t seed,
                                  int64_t* rows) {
  const bool there = linear.weight != nullptr;
  *rows = there ? linear.weight->rows() : base.config().num_labels;
  const int64_t cols = there ? linear.weight->cols() : base.config().hidden_size;
  std::vector<float> values(static_cast<size_t>(*rows * cols));
  if (there) {
    linear.weight->CopyRows(0, *rows, values.data());
    return values;
  }
  constexpr double kDeviation = 0.02;  // transformers' initializer_range
  Draws draws(seed, linear.id);
  for (float& value : values) value = static_cast<float>(kDeviation * draws.Normal());
  return values;
}

PeftAdapter NewLora(const Model& base, const LoraConfig& config, uint64_t seed) {
  const std::string origin = "a new adapter of " + base.origin();
  auto tensors = std::make_shared<TensorList>(origin);
  bool adapts_any = false;
  base.ForEachLinear([&](const Linear& linear) {
    if (SavesModule(config, linear.name)) {
      AddWhole(base, linear, seed, *tensors);
      adapts_any = true;
    } else if (linear.weight && TargetsModule(config, linear.name, linear.id == base.head().id)) {
      AddFactors(linear, config, seed, *tensors);
      adapts_any = true;
    }
  });
  base.ForEachNorm([&](const Norm& norm) {
    if (!SavesModule(config, norm.name)) return;
    tensors->Add(
        MakeTensor(norm.name + ".weight", {static_cast<int64_t>(norm.weight.size())}, norm.weight));
    adapts_any = true;
  });
  if (!adapts_any) {
    throw Error(ErrorCode::kInvalidArgument, origin,
                "the modules to adapt match none of the model; its projections are named q_proj, "
                "k_proj, v_proj, o_proj, gate_proj, up_proj and down_proj");
  }
  return {.path = origin, .config = config, .tensors = std::move(tensors)};
}

std::string LoraConfigText(const LoraConfig& config) {
  const auto pattern = [](const auto& entries) {
    OrderedJson object = OrderedJson::object();
    for (const auto& [name, value] : entries) object[name] = value;
    return object;
  };
  const auto list_or_null = [](const auto& values) {
    return values.empty() ? OrderedJson() : OrderedJson(values);
  };
  OrderedJson json;
  json["alpha_pattern"] = pattern(config.alpha_pattern);
  json["auto_mapping"] = nullptr;
  json["base_model_name_or_path"] = config.base_model_name_or_path;
  json["bias"] = config.bias;
  json["exclude_modules"] = config.exclude_regex ? OrderedJson(*config.exclude_regex)
                                                 : list_or_null(config.exclude_modules);
  json["fan_in_fan_out"] = config.fan_in_fan_out;
  json["inference_mode"] = true;
  json["init_lora_weights"] = true;
  json["layers_pattern"] = list_or_null(config.layers_pattern);
  json["layers_to_transform"] = list_or_null(config.layers_to_transform);
  json["lora_alpha"] = config.lora_alpha == std::floor(config.lora_alpha)
                           ? OrderedJson(static_cast<int64_t>(config.lora_alpha))
                           : OrderedJson(config.lora_alpha);
  json["lora_bias"] = config.lora_bias;
  json["lora_dropout"] = config.lora_dropout;
  json["modules_to_save"] = list_or_null(config.modules_to_save);
  json["peft_type"] = "LORA";
  json["r"] = config.r;
  json["rank_pattern"] = pattern(config.rank_pattern);
  if (config.all_linear) {
    json["target_modules"] = "all-linear";
  } else if (config.target_regex) {
    json["target_modules"] = *config.target_regex;
  } else {
    json["target_modules"] = config.target_modules;
  }
  json["task_type"] = config.task_type.empty() ? OrderedJson() : OrderedJson(config.task_type);
  json["use_dora"] = config.use_dora;
  json["use_rslora"] = config.use_rslora;
  return json.dump(2) + "\n";
}

}  // namespace dear
