#ifndef DEAR_FORMATS_CHECKPOINT_H_
#define DEAR_FORMATS_CHECKPOINT_H_

#include <filesystem>
#include <memory>

#include "formats/gguf.h"
#include "formats/model_config.h"
#include "formats/tensor_source.h"

namespace dear {

// A base model as it lies on disk: a folder in Hugging Face layout or one .gguf file.
struct Checkpoint {
  std::filesystem::path path;
  ModelConfig config;
  GenerationConfig generation;
  // Under the names of transformers ("model.layers.0.self_attn.q_proj.weight", "lm_head.weight",
  // "score.weight"), q and k rows in transformers' order whatever the container.
  std::shared_ptr<const TensorSource> tensors;
  std::shared_ptr<const GgufFile> gguf;  // null for a folder; the tokenizer reads its vocabulary
};

// Throws Error that names the file and what was expected.
Checkpoint OpenCheckpoint(const std::filesystem::path& path);

}  // namespace dear

#endif  // DEAR_FORMATS_CHECKPOINT_H_
