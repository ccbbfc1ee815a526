#ifndef DEAR_MODEL_EXPORT_FOLDER_H_
#define DEAR_MODEL_EXPORT_FOLDER_H_

#include <filesystem>

#include "base/progress.h"
#include "model/export_plan.h"

namespace dear {

enum class FolderForm { kF32, kF16, kBF16, kInt8, kNf4, kFp4 };

struct FolderExportOptions {
  FolderForm form = FolderForm::kF32;
  bool double_quant = false;  // kNf4 and kFp4
  ProgressFn progress;
  CancelFn cancel;
};

// Writes config.json, generation_config.json and the weights of a model into an existing folder, in
// Hugging Face layout: model.safetensors, or shards with their index. kNf4, kFp4 and kInt8 write
// the projections of the layers as bitsandbytes does (its functional.quantize_4bit and LLM.int8)
// and leave everything else in the type that it had; embedding and heads are never quantised.
void ExportFolder(const Checkpoint& source, const ExportPlan& plan,
                  const std::filesystem::path& folder, const FolderExportOptions& options);

}  // namespace dear

#endif  // DEAR_MODEL_EXPORT_FOLDER_H_
