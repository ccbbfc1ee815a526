#ifndef DEAR_FORMATS_GGUF_MODEL_H_
#define DEAR_FORMATS_GGUF_MODEL_H_

#include <memory>

#include "formats/gguf.h"
#include "formats/model_config.h"
#include "formats/tensor_source.h"

namespace dear {

// The configuration of a GGUF model of architecture llama, qwen2, qwen3 or gemma (mistral is
// written as llama), from its metadata and from which tensors it has. Differences from what
// config.json of the same model gives:
// - llama3 rope scaling is rope.frequency_divisors with kind kDefault (the file holds no more);
// - gemma's norm weights are stored with the 1 already added, so norm_weight_plus_one is off;
// - `raw` is the metadata that is not an array.
// Throws kUnsupported naming architecture or feature, kInvalidFormat naming the key.
ModelConfig ReadGgufConfig(const GgufFile& file);

// The tensors of a GGUF model under transformers' names. Rows of q and k that the llama
// architecture stores permuted (pairs of rope side by side) are put back in transformers' order, in
// the stored form: rows are whole blocks, so only their order changes. Throws kUnsupported for a
// tensor that has no place in these families.
std::shared_ptr<const TensorSource> OpenGgufTensors(const std::shared_ptr<const GgufFile>& file,
                                                    const ModelConfig& config);

}  // namespace dear

#endif  // DEAR_FORMATS_GGUF_MODEL_H_
