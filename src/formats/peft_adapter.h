#ifndef DEAR_FORMATS_PEFT_ADAPTER_H_
#define DEAR_FORMATS_PEFT_ADAPTER_H_

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "formats/tensor_source.h"

namespace dear {

// adapter_config.json of a LoRA adapter, as peft.LoraConfig reads it.
struct LoraConfig {
  std::string base_model_name_or_path;
  std::string task_type;  // "CAUSAL_LM", "SEQ_CLS", "FEATURE_EXTRACTION", or empty
  int64_t r = 8;
  double lora_alpha = 8;
  double lora_dropout = 0;  // in [0, 1); of training alone
  bool use_rslora = false;
  bool use_dora = false;
  bool fan_in_fan_out =
      false;  // for Conv1D layers: peft turns it off for the Linear of our families
  bool lora_bias = false;
  std::string bias = "none";                                  // "none", "all", "lora_only"
  std::vector<std::pair<std::string, int64_t>> rank_pattern;  // in file order: the first match wins
  std::vector<std::pair<std::string, double>> alpha_pattern;
  std::optional<std::string> target_regex;  // target_modules given as a string
  std::vector<std::string> target_modules;  // given as a list; peft's q_proj, v_proj where null
  bool all_linear = false;                  // "all-linear"
  std::optional<std::string> exclude_regex;
  std::vector<std::string> exclude_modules;
  std::vector<int64_t> layers_to_transform;
  std::vector<std::string> layers_pattern;
  std::vector<std::string> modules_to_save;  // SEQ_CLS adds "classifier" and "score"
  Json raw;
};
// Reads adapter_config.json. Fields that peft would not know either are ignored; features of peft
// that change numbers and are not done here throw kUnsupported naming the field. The text form
// keeps the order of rank_pattern and alpha_pattern, which decides where several patterns match.
LoraConfig ParseLoraConfigText(std::string_view text, const std::string& context);
LoraConfig ParseLoraConfig(const Json& config, const std::string& context);

// Whether `module` ("model.layers.3.self_attn.q_proj") is adapted; peft's
// tuners_utils.check_target_module_exists. `is_output_head` marks the module that all-linear
// leaves out. Throws kInvalidFormat for a pattern that is no regular expression.
bool TargetsModule(const LoraConfig& config, const std::string& module, bool is_output_head);
// Whether the adapter brings `module` whole, alone or as a part of a module that it brings
// (modules_to_save; a name there is any ending of a module's name, as in peft's _set_trainable).
bool SavesModule(const LoraConfig& config, const std::string& module);
int64_t RankOf(const LoraConfig& config, const std::string& module);
double ScalingOf(const LoraConfig& config, const std::string& module);  // alpha/r or alpha/sqrt(r)

// An adapter folder: its configuration and tensors under peft's names without the leading
// "base_model.model." and without ".base_layer" (what a resized embedding under LoRA is saved
// under): "model.layers.0.self_attn.q_proj.lora_A.weight", "model.embed_tokens.lora_embedding_A",
// "model.layers.0.mlp.up_proj.lora_magnitude_vector", "score.weight". An adapter of a bare model
// (no "model." in its names) gets that prefix. Reads adapter_model.safetensors, else
// adapter_model.bin.
struct PeftAdapter {
  std::filesystem::path path;
  LoraConfig config;
  std::shared_ptr<const TensorSource> tensors;
};
// Whether the folder holds adapter_config.json.
bool IsPeftAdapter(const std::filesystem::path& folder);
PeftAdapter OpenPeftAdapter(const std::filesystem::path& folder);

}  // namespace dear

#endif  // DEAR_FORMATS_PEFT_ADAPTER_H_
