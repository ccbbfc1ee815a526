#ifndef DEAR_FORMATS_MODULE_PATTERN_H_
#define DEAR_FORMATS_MODULE_PATTERN_H_

#include <string>
#include <string_view>

namespace dear {

// The patterns for names of modules in adapter_config.json, which peft puts into regular
// expressions of its own. Most are nothing but a name, and some adapters have hundreds of them:
// those ("q_proj", "^model.layers.3.mlp", "self_attn\.q_proj") are matched without an engine.
bool IsPlainPattern(std::string_view pattern);

// re.match(rf"(.*\.)?({pattern})$", module): utils/other.py get_pattern_key.
bool PatternEndsModule(const std::string& pattern, const std::string& module,
                       const std::string& context);

// re.match(rf"(^|.*\.){pattern}($|\..*)", module): the module, or one that it stands in.
bool PatternHoldsModule(const std::string& pattern, const std::string& module,
                        const std::string& context);

}  // namespace dear

#endif  // DEAR_FORMATS_MODULE_PATTERN_H_
