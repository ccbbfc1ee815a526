#include "formats/checkpoint.h"

#include <string>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/file_kind.h"
#include "base/json.h"
#include "formats/gguf_model.h"
#include "formats/safetensors.h"
#include "formats/torch_archive.h"

namespace dear {
namespace {

namespace fs = std::filesystem;

// Weights in a form that is not read, to say so instead of "not found".
std::string OtherWeights(const fs::path& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    std::string name = entry.path().filename().string();
    for (const char* ending : {".gguf", ".h5", ".msgpack", ".onnx", ".pth", ".pt", ".ckpt"}) {
      if (name.ends_with(ending)) return name;
    }
  }
  return "";
}

std::shared_ptr<const TensorSource> OpenWeights(const fs::path& folder) {
  if (IsFile(folder / "model.safetensors") || IsFile(folder / "model.safetensors.index.json")) {
    return OpenSafetensorsFolder(folder);
  }
  if (IsFile(folder / "pytorch_model.bin") || IsFile(folder / "pytorch_model.bin.index.json")) {
    return OpenTorchFolder(folder);
  }
  const std::string other = OtherWeights(folder);
  throw Error(ErrorCode::kNotFound, folder.string(),
              "holds no weights: looked for model.safetensors and pytorch_model.bin, single or "
              "with an index" +
                  (other.empty() ? "" : "; '" + other + "' is not read from a folder"));
}

// A checkpoint of the bare model (AutoModel) has its names without "model."; transformers puts the
// prefix there on loading.
class BareTensors : public TensorSource {
 public:
  explicit BareTensors(std::shared_ptr<const TensorSource> source) : source_(std::move(source)) {}

  std::vector<std::string> Names() const override {
    std::vector<std::string> names = source_->Names();
    for (std::string& name : names) name.insert(0, kPrefix);
    return names;
  }
  bool Contains(std::string_view name) const override {
    return name.starts_with(kPrefix) && source_->Contains(name.substr(kPrefix.size()));
  }
  Tensor Get(std::string_view name) const override {
    if (!name.starts_with(kPrefix)) {
      throw Error(ErrorCode::kNotFound, origin(), "holds no tensor '" + std::string(name) + "'");
    }
    return source_->Get(name.substr(kPrefix.size()));
  }
  const std::string& origin() const override { return source_->origin(); }

 private:
  static constexpr std::string_view kPrefix = "model.";
  std::shared_ptr<const TensorSource> source_;
};

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
  if (checkpoint.tensors->Contains("embed_tokens.weight")) {
    checkpoint.tensors = std::make_shared<BareTensors>(checkpoint.tensors);
  }
  // Where the architecture is not named, the head that is there tells.
  const bool named = checkpoint.config.raw.contains("architectures");
  if (!named && checkpoint.tensors->Contains("score.weight") &&
      !checkpoint.tensors->Contains("lm_head.weight")) {
    checkpoint.config.head = HeadKind::kSequenceClassification;
  }
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
