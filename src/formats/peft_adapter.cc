// Opening an adapter folder; reading its configuration is in lora_config.cc.
#include "formats/peft_adapter.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/file_kind.h"
#include "base/mapped_file.h"
#include "formats/renamed_tensors.h"
#include "formats/safetensors.h"
#include "formats/torch_archive.h"

namespace dear {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfigFile = "adapter_config.json";
constexpr size_t kMaxConfigBytes = size_t{16} << 20;

std::string OurName(std::string name) {
  constexpr std::string_view kPrefix = "base_model.model.";
  constexpr std::string_view kBaseLayer = ".base_layer.";
  if (name.starts_with(kPrefix)) name.erase(0, kPrefix.size());
  if (const size_t at = name.find(kBaseLayer); at != std::string::npos) {
    name.erase(at, kBaseLayer.size() - 1);
  }
  return name;
}

bool IsOfBareModel(std::string_view name) {
  return name.starts_with("layers.") || name.starts_with("embed_tokens.");
}

std::shared_ptr<const TensorSource> UnderOurNames(std::shared_ptr<const TensorSource> source) {
  RenamedTensors::NameMap names;
  const std::vector<std::string> stored = source->Names();
  const bool bare = std::any_of(stored.begin(), stored.end(), [](const std::string& name) {
    return IsOfBareModel(OurName(name));
  });
  for (const std::string& name : stored) {
    std::string ours = OurName(name);
    if (bare) ours.insert(0, "model.");
    if (names.emplace(std::move(ours), name).second) continue;
    throw Error(ErrorCode::kInvalidFormat, source->origin(),
                "tensor '" + name + "' means the same as another one");
  }
  return std::make_shared<RenamedTensors>(std::move(source), std::move(names));
}

std::shared_ptr<const TensorSource> OpenAdapterWeights(const fs::path& folder) {
  const fs::path safetensors = folder / "adapter_model.safetensors";
  if (IsFile(safetensors)) return SafetensorsFile::Open(safetensors);
  const fs::path pickled = folder / "adapter_model.bin";
  if (IsFile(pickled)) return TorchArchive::Open(pickled);
  throw Error(ErrorCode::kNotFound, folder.string(),
              "holds no adapter weights: looked for adapter_model.safetensors and "
              "adapter_model.bin");
}

}  // namespace

bool IsPeftAdapter(const fs::path& folder) {
  return IsFile(folder / kConfigFile);
}

PeftAdapter OpenPeftAdapter(const fs::path& folder) {
  PeftAdapter adapter;
  adapter.path = folder;
  const fs::path config = folder / kConfigFile;
  adapter.config = ParseLoraConfigText(ReadFile(config, kMaxConfigBytes), config.string());
  adapter.tensors = UnderOurNames(OpenAdapterWeights(folder));
  return adapter;
}

}  // namespace dear
