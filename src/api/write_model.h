#ifndef DEAR_API_WRITE_MODEL_H_
#define DEAR_API_WRITE_MODEL_H_

#include <filesystem>
#include <string>

#include "api/loaded_model.h"

namespace dear {

struct WriteModelOptions {
  // "f32", "f16", "bf16"; into a folder also "int8", "nf4", "fp4"; into a .gguf file also "q8_0",
  // "q5_1", "q5_0", "q4_1", "q4_0".
  std::string form = "f32";
  bool double_quant = false;  // nf4 and fp4
  bool overwrite = false;
  ProgressFn progress;
  CancelFn cancel;
};

// Writes a loaded model, the adapter (null: none) added to its weights, with its tokenizer: as GGUF
// where `out` ends in .gguf, else as a folder in Hugging Face layout. What is there already is
// refused (kInvalidArgument) without `overwrite`, and replaced only when the new model is complete.
void WriteModel(const LoadedModel& loaded, const Adapter* adapter, const std::filesystem::path& out,
                const WriteModelOptions& options);

// Into an existing folder what, beside the weights, makes it usable by the Python libraries.
void WriteTokenizer(const ModelFiles& files, const Checkpoint& checkpoint,
                    const Tokenizer& tokenizer, const std::filesystem::path& folder);

// The checks of WriteModel that need no model: for an error before a long load.
void CheckWriteModel(const std::filesystem::path& out, const WriteModelOptions& options);

}  // namespace dear

#endif  // DEAR_API_WRITE_MODEL_H_
