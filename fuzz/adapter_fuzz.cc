// adapter_config.json, and matching its patterns against module names.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "formats/peft_adapter.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const dear::LoraConfig config = dear::ParseLoraConfigText(
        std::string_view(reinterpret_cast<const char*>(data), size), "fuzz");
    for (const char* module :
         {"model.embed_tokens", "model.layers.1.self_attn.q_proj", "model.layers.11.mlp.down_proj",
          "model.layers.11.mlp.down_projaaaaaaaaaaaaaaaaaaaa!", "lm_head", "score"}) {
      const std::string name = module;
      const bool is_head = name == "lm_head" || name == "score";
      if (dear::TargetsModule(config, name, is_head)) dear::ScalingOf(config, name);
      dear::SavesModule(config, name);
    }
  } catch (const dear::Error&) {  // what a broken input gives
  }
  return 0;
}
