#include <system_error>

#include "base/error.h"
#include "formats/safetensors.h"
#include "formats/shards.h"

namespace dear {

std::shared_ptr<const TensorSource> OpenSafetensorsFolder(const std::filesystem::path& folder) {
  std::error_code ignored;
  const auto single = folder / "model.safetensors";
  const auto index = folder / "model.safetensors.index.json";
  if (std::filesystem::exists(single, ignored)) return SafetensorsFile::Open(single);
  if (std::filesystem::exists(index, ignored)) {
    return OpenShards(index, [](const auto& file) { return SafetensorsFile::Open(file); });
  }
  throw Error(ErrorCode::kNotFound, folder.string(),
              "holds neither model.safetensors nor model.safetensors.index.json");
}

}  // namespace dear
