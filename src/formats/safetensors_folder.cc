#include <system_error>

#include "formats/safetensors.h"
#include "formats/shards.h"

namespace dear {

std::shared_ptr<const TensorSource> OpenSafetensorsFolder(const std::filesystem::path& folder) {
  const auto single = folder / "model.safetensors";
  std::error_code ignored;
  if (std::filesystem::exists(single, ignored)) return SafetensorsFile::Open(single);
  return OpenShards(folder / "model.safetensors.index.json",
                    [](const std::filesystem::path& file) { return SafetensorsFile::Open(file); });
}

}  // namespace dear
