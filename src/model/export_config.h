#ifndef DEAR_MODEL_EXPORT_CONFIG_H_
#define DEAR_MODEL_EXPORT_CONFIG_H_

#include <string>

#include "base/json.h"
#include "formats/checkpoint.h"
#include "formats/model_config.h"

namespace dear {

// config.json for a model that is written in Hugging Face layout: the source's own with what the
// export changed, or, for a GGUF source, one made from what the file says. `config` is that of the
// plan, `dtype` "float32", "bfloat16" or "float16". Throws kUnsupported for a GGUF file with rope
// divisors, which config.json cannot express.
Json ExportedConfig(const Checkpoint& source, const ModelConfig& config, const std::string& dtype);

}  // namespace dear

#endif  // DEAR_MODEL_EXPORT_CONFIG_H_
