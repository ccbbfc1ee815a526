#include "formats/checkpoint.h"

#include <string>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "formats/gguf_model.h"
#include "formats/safetensors.h"

namespace dear {
namespace {

namespace fs = std::filesystem;

bool IsFile(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

bool IsFolder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

std::shared_ptr<const TensorSource> OpenWeights(const fs::path& folder) {
  if (IsFile(folder / "model.safetensors") || IsFile(folder / "model.safetensors.index.json")) {
    return OpenSafetensorsFolder(folder);
  }
  throw Error(ErrorCode::kNotFound, folder.string(),
              "holds no weights: looked for model.safetensors and model.safetensors.index.json");
}

Checkpoint OpenFolder(const fs::path& folder) {
  Checkpoint checkpoint;
  checkpoint.path = folder;
  const fs::path config_path = folder / "config.json";
  checkpoint.config = ParseModelConfig(ReadJsonFile(config_path), config_path.string());
  const fs::path generation_path = folder / "generation_config.json";
  if (IsFile(generation_path)) {
    checkpoint.generation =
        ParseGenerationConfig(ReadJsonFile(generation_path), generation_path.string());
    if (!checkpoint.generation.eos_ids.empty()) {
      checkpoint.config.eos_ids = checkpoint.generation.eos_ids;
    }
  } else {
    checkpoint.generation.bos_id = checkpoint.config.bos_id;
    checkpoint.generation.eos_ids = checkpoint.config.eos_ids;
    checkpoint.generation.pad_id = checkpoint.config.pad_id;
  }
  checkpoint.tensors = OpenWeights(folder);
  return checkpoint;
}

Checkpoint OpenGguf(const fs::path& path) {
  Checkpoint checkpoint;
  checkpoint.path = path;
  checkpoint.gguf = GgufFile::Open(path);
  checkpoint.config = ReadGgufConfig(*checkpoint.gguf);
  checkpoint.generation.bos_id = checkpoint.config.bos_id;
  checkpoint.generation.eos_ids = checkpoint.config.eos_ids;
  checkpoint.generation.pad_id = checkpoint.config.pad_id;
  checkpoint.tensors = OpenGgufTensors(checkpoint.gguf, checkpoint.config);
  return checkpoint;
}

}  // namespace

Checkpoint OpenCheckpoint(const fs::path& path) {
  if (IsFolder(path)) return OpenFolder(path);
  if (IsFile(path) && path.extension() == ".gguf") return OpenGguf(path);
  throw Error(IsFile(path) ? ErrorCode::kUnsupported : ErrorCode::kNotFound, path.string(),
              IsFile(path) ? "is neither a folder in Hugging Face layout nor a .gguf file"
                           : "no such file or folder");
}

}  // namespace dear
