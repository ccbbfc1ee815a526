#ifndef DEAR_HUB_HUB_CACHE_H_
#define DEAR_HUB_HUB_CACHE_H_

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dear {

// The Hugging Face hub's cache: HF_HUB_CACHE, else $HF_HOME/hub, else
// ${XDG_CACHE_HOME:-~/.cache}/huggingface/hub.
std::filesystem::path HubCacheFolder();
// dear's own cache for shipped defaults: ${XDG_CACHE_HOME:-~/.cache}/dear/models.
std::filesystem::path DearModelFolder();

// The snapshot folder of `org/name` at refs/<revision> (default main); nullopt when not cached.
std::optional<std::filesystem::path> FindHubSnapshot(std::string_view id,
                                                     std::string_view revision = "main");

struct ShippedModel {
  std::string name;  // "smollm2-135m-instruct"
  std::string file;  // in DearModelFolder()
  std::string sha256;
  uint64_t bytes;
  std::string licence;
  std::string how_to_get;  // the command that fetches it
};
const std::vector<ShippedModel>& ShippedModels();

// What -m, --base and --adapter take: a folder, a .gguf file, a hub id in the cache, or a shipped
// name. Throws kNotFound that lists where it looked and how to get the model.
std::filesystem::path ResolveModel(const std::string& name);

// The base of an adapter: an absolute path, one relative to the adapter's folder, one relative to
// the working folder, then the hub cache.
std::filesystem::path ResolveBase(const std::filesystem::path& adapter_folder,
                                  const std::string& base_name);

}  // namespace dear

#endif  // DEAR_HUB_HUB_CACHE_H_
