// adapter_config.json: reading and checking. What it targets is in lora_targets.cc.
#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/error.h"
#include "formats/module_pattern.h"
#include "formats/peft_adapter.h"

namespace dear {
namespace {

constexpr int64_t kMaxLoraRank = int64_t{1} << 20;
constexpr size_t kMaxNames = 65536;
constexpr size_t kMaxPatternEntries = 65536;
// Each is tried on every module: together they must not take minutes.
constexpr size_t kMaxRegexes = 1024;

[[noreturn]] void Unsupported(const JsonFields& fields, const std::string& what) {
  throw Error(ErrorCode::kUnsupported, fields.context(), what);
}

// Empty lists and objects, false and null all say that a feature is not used.
bool IsUsed(const JsonFields& fields, const char* key) {
  const Json* value = fields.Find(key);
  if (value == nullptr) return false;
  if (value->is_boolean()) return value->get<bool>();
  if (value->is_structured() || value->is_string()) {
    return value->is_string() ? !value->get_ref<const std::string&>().empty() : !value->empty();
  }
  return true;
}

void RefuseOtherFeatures(const JsonFields& fields) {
  const std::string type = fields.String("peft_type", "LORA");
  if (type != "LORA") Unsupported(fields, "adapter type '" + type + "' is not supported (LORA is)");
  for (const char* key :
       {"alora_invocation_tokens", "alora_invocation_string", "target_parameters",
        "layer_replication", "megatron_config", "trainable_token_indices", "use_qalora",
        "use_bdlora", "arrow_config", "kasa_config", "monteclora_config"}) {
    if (IsUsed(fields, key)) {
      Unsupported(fields, "field '" + std::string(key) + "' is not supported");
    }
  }
  // These initialisations move a part of the base weight into the adapter, and peft repeats that
  // on loading: the base's numbers would change (tuners/lora/layer.py).
  const Json* init = fields.Find("init_lora_weights");
  if (init == nullptr || !init->is_string()) return;
  const auto& name = init->get_ref<const std::string&>();
  for (const char* prefix : {"pissa", "olora", "corda", "loftq", "lora_ga"}) {
    if (name.starts_with(prefix)) {
      Unsupported(fields, "field 'init_lora_weights': '" + name +
                              "' changes the base model's weights; save the adapter converted to "
                              "plain LoRA (peft: path_initial_model_for_weight_conversion)");
    }
  }
}

void BoundRegexes(const JsonFields& fields, const char* key,
                  const std::vector<std::string>& patterns) {
  size_t regexes = 0;
  for (const std::string& pattern : patterns) regexes += IsPlainPattern(pattern) ? 0 : 1;
  if (regexes > kMaxRegexes) {
    fields.Fail(key, "more than " + std::to_string(kMaxRegexes) + " regular expressions");
  }
}

std::vector<std::string> Strings(const JsonFields& fields, const char* key, const Json& list) {
  if (!list.is_array()) fields.Fail(key, "expected a string or a list of strings");
  if (list.size() > kMaxNames) fields.Fail(key, "has too many entries");
  std::vector<std::string> out;
  out.reserve(list.size());
  for (const Json& element : list) {
    if (!element.is_string()) fields.Fail(key, "expected strings in the list");
    out.push_back(element.get<std::string>());
  }
  return out;
}

bool EqualsIgnoringCase(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] + 32) : text[i];
    if (c != lower[i]) return false;
  }
  return true;
}

void ReadTargets(const JsonFields& fields, LoraConfig& config) {
  const Json* targets = fields.Find("target_modules");
  if (targets == nullptr) {
    // peft's default for each of our families (utils/constants.py).
    config.target_modules = {"q_proj", "v_proj"};
  } else if (targets->is_string()) {
    const auto& text = targets->get_ref<const std::string&>();
    config.all_linear = EqualsIgnoringCase(text, "all-linear");
    if (!config.all_linear) config.target_regex = text;
  } else {
    config.target_modules = Strings(fields, "target_modules", *targets);
  }

  if (const Json* excluded = fields.Find("exclude_modules")) {
    if (!excluded->is_string()) {
      config.exclude_modules = Strings(fields, "exclude_modules", *excluded);
    } else if (!excluded->get_ref<const std::string&>().empty()) {
      config.exclude_regex = excluded->get<std::string>();
    }
  }

  if (const Json* patterns = fields.Find("layers_pattern")) {
    if (!patterns->is_string()) {
      config.layers_pattern = Strings(fields, "layers_pattern", *patterns);
    } else if (!patterns->get_ref<const std::string&>().empty()) {
      config.layers_pattern = {patterns->get<std::string>()};
    }
  }
  if (config.layers_pattern.size() > kMaxRegexes)
    fields.Fail("layers_pattern", "has too many entries");
  if (const Json* layers = fields.Find("layers_to_transform")) {
    const Json list = layers->is_array() ? *layers : Json::array({*layers});
    if (list.size() > kMaxNames) fields.Fail("layers_to_transform", "has too many entries");
    for (const Json& element : list) {
      if (!element.is_number_integer()) {
        fields.Fail("layers_to_transform", "expected an integer or a list of integers");
      }
      config.layers_to_transform.push_back(element.get<int64_t>());
    }
  } else if (!config.layers_pattern.empty()) {
    fields.Fail("layers_pattern", "is given without layers_to_transform");
  }
  const bool is_text = targets != nullptr && targets->is_string();
  if (is_text && (fields.Has("layers_to_transform") || fields.Has("layers_pattern"))) {
    fields.Fail("layers_to_transform", "cannot be used where target_modules is a string");
  }
}

void ReadModulesToSave(const JsonFields& fields, LoraConfig& config) {
  if (const Json* saved = fields.Find("modules_to_save")) {
    config.modules_to_save = Strings(fields, "modules_to_save", *saved);
    BoundRegexes(fields, "modules_to_save", config.modules_to_save);
  }
  if (config.task_type == "SEQ_CLS") {
    config.modules_to_save.insert(config.modules_to_save.end(), {"classifier", "score"});
  }
  if (!fields.Bool("ensure_weight_tying", false)) return;
  for (const auto* list : {&config.modules_to_save, &config.target_modules}) {
    for (const std::string& name : *list) {
      if (name.ends_with("embed_tokens") || name.ends_with("lm_head")) {
        Unsupported(fields, "field 'ensure_weight_tying' together with an adapted or saved '" +
                                name + "' is not supported");
      }
    }
  }
}

// An object from patterns to numbers, in the order of the file.
std::vector<std::pair<std::string, double>> ReadPattern(const JsonFields& fields,
                                                        const OrderedJson& ordered,
                                                        const char* key) {
  std::vector<std::pair<std::string, double>> out;
  if (!fields.Has(key)) return out;
  const OrderedJson& object = ordered.at(key);
  if (!object.is_object()) fields.Fail(key, "expected an object from module names to numbers");
  if (object.size() > kMaxPatternEntries) fields.Fail(key, "has too many entries");
  std::vector<std::string> patterns;
  for (const auto& [pattern, value] : object.items()) patterns.push_back(pattern);
  BoundRegexes(fields, key, patterns);
  for (const auto& [pattern, value] : object.items()) {
    if (!value.is_number() || !std::isfinite(value.get<double>())) {
      fields.Fail(key, "expected a number for '" + pattern + "'");
    }
    out.emplace_back(pattern, value.get<double>());
  }
  return out;
}

int64_t CheckedRank(const JsonFields& fields, const char* key, double rank) {
  if (!(rank >= 1) || rank > static_cast<double>(kMaxLoraRank) || rank != std::floor(rank)) {
    fields.Fail(key, "expected a rank in 1.." + std::to_string(kMaxLoraRank));
  }
  return static_cast<int64_t>(rank);
}

LoraConfig Parse(const Json& object, const OrderedJson& ordered, const std::string& context) {
  const JsonFields fields(object, context);
  RefuseOtherFeatures(fields);
  LoraConfig config;
  config.base_model_name_or_path = fields.String("base_model_name_or_path", "");
  config.task_type = fields.String("task_type", "");
  constexpr std::string_view kTasks[] = {"", "CAUSAL_LM", "SEQ_CLS", "FEATURE_EXTRACTION"};
  if (std::find(std::begin(kTasks), std::end(kTasks), config.task_type) == std::end(kTasks)) {
    Unsupported(fields, "task type '" + config.task_type + "' is not supported");
  }
  config.r = CheckedRank(fields, "r", fields.Number("r", 8.0));
  config.lora_alpha = fields.Number("lora_alpha", 8.0);
  if (!std::isfinite(config.lora_alpha)) fields.Fail("lora_alpha", "expected a finite number");
  config.lora_dropout = fields.Number("lora_dropout", 0.0);
  if (!(config.lora_dropout >= 0 && config.lora_dropout < 1)) {
    fields.Fail("lora_dropout", "expected a number of at least 0 and below 1");
  }
  config.use_rslora = fields.Bool("use_rslora", false);
  config.use_dora = fields.Bool("use_dora", false);
  config.fan_in_fan_out = fields.Bool("fan_in_fan_out", false);
  config.lora_bias = fields.Bool("lora_bias", false);
  if (config.lora_bias && config.use_dora) {
    fields.Fail("lora_bias", "cannot be used together with use_dora");
  }
  config.bias = fields.String("bias", "none");
  if (config.bias != "none" && config.bias != "all" && config.bias != "lora_only") {
    fields.Fail("bias", "expected none, all or lora_only, found '" + config.bias + "'");
  }
  for (auto& [pattern, rank] : ReadPattern(fields, ordered, "rank_pattern")) {
    config.rank_pattern.emplace_back(pattern, CheckedRank(fields, "rank_pattern", rank));
  }
  config.alpha_pattern = ReadPattern(fields, ordered, "alpha_pattern");
  ReadTargets(fields, config);
  ReadModulesToSave(fields, config);
  config.raw = object;
  return config;
}

}  // namespace

LoraConfig ParseLoraConfigText(std::string_view text, const std::string& context) {
  const Json object = ParseJson(text, context);
  return Parse(object, OrderedJson::parse(text), context);
}

LoraConfig ParseLoraConfig(const Json& object, const std::string& context) {
  return Parse(object, OrderedJson(object), context);
}

}  // namespace dear
