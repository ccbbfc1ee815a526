#ifndef DEAR_MODEL_EXPORT_GGUF_H_
#define DEAR_MODEL_EXPORT_GGUF_H_

#include <filesystem>

#include "base/progress.h"
#include "formats/gguf_writer.h"
#include "model/export_plan.h"

namespace dear {

struct GgufExportOptions {
  // Of the matrices. Vectors are f32; the embedding and the output head stay at q8_0 where the type
  // has fewer bits, and a matrix whose rows are no whole blocks is f16, as llama.cpp does it.
  DType dtype = DType::kF16;
  ProgressFn progress;
  CancelFn cancel;
};

// Writes the model as one GGUF file, under llama.cpp's names and with its order of q and k rows.
// `writer` holds the tokenizer's metadata; that of the model is added. Throws kUnsupported for what
// GGUF cannot say (a classification head, layers with different windows, MLP biases).
void ExportGguf(const Checkpoint& source, const ExportPlan& plan, GgufWriter writer,
                const std::filesystem::path& path, const GgufExportOptions& options);

// Divisors of the rotary frequencies [head_dim / 2] that stand for llama3's scaling, after
// transformers' _compute_llama3_parameters.
std::vector<float> Llama3Divisors(const RopeConfig& rope, int64_t head_dim);

}  // namespace dear

#endif  // DEAR_MODEL_EXPORT_GGUF_H_
