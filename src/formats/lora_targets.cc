// Which modules an adapter changes and how strongly. The source of the rules is peft:
// tuners/tuners_utils.py check_target_module_exists, utils/other.py get_pattern_key and
// _set_trainable, tuners/lora/layer.py update_layer.
#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>

#include "formats/module_pattern.h"
#include "formats/peft_adapter.h"
#include "formats/python_regex.h"

namespace dear {
namespace {

constexpr const char* kContext = "adapter_config.json";

// Equal to `name`, or ending in ".name".
bool IsOrEndsIn(std::string_view module, std::string_view name) {
  if (module == name) return true;
  return module.size() > name.size() && module.ends_with(name) &&
         module[module.size() - name.size() - 1] == '.';
}

bool AnyNames(const std::vector<std::string>& names, std::string_view module) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return IsOrEndsIn(module, name); });
}

template <typename T>
T PatternValue(const std::vector<std::pair<std::string, T>>& patterns, const std::string& module,
               T fallback) {
  for (const auto& [pattern, value] : patterns) {
    if (PatternEndsModule(pattern, module, kContext)) return value;
  }
  return fallback;
}

// A saved module and all inside it is never adapted.
bool IsInsideSaved(const LoraConfig& config, const std::string& module) {
  return std::any_of(
      config.modules_to_save.begin(), config.modules_to_save.end(),
      [&](const std::string& name) { return PatternHoldsModule(name, module, kContext); });
}

// The layer that peft takes a module to stand in, as its digits.
std::optional<std::string> LayerDigits(const LoraConfig& config, const std::string& module) {
  if (config.layers_pattern.empty()) {
    return PythonRegex(R"(.*?\.[^.]*\.(?P<idx>\d+)\.)", kContext).MatchGroup(module, "idx");
  }
  for (const std::string& pattern : config.layers_pattern) {
    const PythonRegex regex("(?:^|.*?\\.)" + pattern + "\\.(?P<idx>\\d+)\\.", kContext);
    if (auto digits = regex.MatchGroup(module, "idx")) return digits;
  }
  return std::nullopt;
}

bool IsLayerWanted(const LoraConfig& config, const std::string& module) {
  if (config.layers_to_transform.empty()) return true;
  const auto digits = LayerDigits(config, module);
  if (!digits || digits->size() > 18) return false;
  int64_t layer = 0;
  for (const char c : *digits) {
    if (c < '0' || c > '9') return false;
    layer = layer * 10 + (c - '0');
  }
  const auto& wanted = config.layers_to_transform;
  return std::find(wanted.begin(), wanted.end(), layer) != wanted.end();
}

}  // namespace

bool TargetsModule(const LoraConfig& config, const std::string& module, bool is_output_head) {
  if (config.exclude_regex) {
    if (PythonRegex(*config.exclude_regex, kContext).FullMatch(module)) return false;
  } else if (AnyNames(config.exclude_modules, module)) {
    return false;
  }
  if (IsInsideSaved(config, module)) return false;
  // peft lists every nn.Linear but the head by its full name; an embedding is none.
  if (config.all_linear) return !is_output_head && !IsOrEndsIn(module, "embed_tokens");
  if (config.target_regex) {
    return PythonRegex(*config.target_regex, kContext).FullMatch(module);
  }
  // A full name is taken as it is; a suffix is filtered by layers_to_transform.
  const auto& names = config.target_modules;
  if (std::find(names.begin(), names.end(), module) != names.end()) return true;
  return AnyNames(names, module) && IsLayerWanted(config, module);
}

bool SavesModule(const LoraConfig& config, const std::string& module) {
  // The module itself, then each that it stands in.
  for (size_t end = module.size();; end = module.rfind('.', end - 1)) {
    if (end == std::string::npos) return false;
    const std::string_view outer = std::string_view(module).substr(0, end);
    for (const std::string& name : config.modules_to_save) {
      if (outer.ends_with(name)) return true;
    }
    if (end == 0) return false;
  }
}

int64_t RankOf(const LoraConfig& config, const std::string& module) {
  return PatternValue(config.rank_pattern, module, config.r);
}

double ScalingOf(const LoraConfig& config, const std::string& module) {
  const double alpha = PatternValue(config.alpha_pattern, module, config.lora_alpha);
  const double rank = static_cast<double>(RankOf(config, module));
  return config.use_rslora ? alpha / std::sqrt(rank) : alpha / rank;
}

}  // namespace dear
