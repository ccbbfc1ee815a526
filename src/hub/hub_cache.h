#ifndef DEAR_HUB_HUB_CACHE_H_
#define DEAR_HUB_HUB_CACHE_H_

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dear {

// The Hugging Face hub's cache: HF_HUB_CACHE, else $HF_HOME/hub, else
// ${XDG_CACHE_HOME:-~/.cache}/huggingface/hub. Variables that are set to nothing count as not set;
// a leading ~ is the home folder, as in the Python library.
std::filesystem::path HubCacheFolder();
// dear's own cache for shipped defaults: ${XDG_CACHE_HOME:-~/.cache}/dear/models.
std::filesystem::path DearModelFolder();
// Where packed weights are kept (hub/packed_folder.h): ${XDG_CACHE_HOME:-~/.cache}/dear/packed.
std::filesystem::path DearPackedFolder();

// Whether `id` can be a model's id on the hub: "name" or "org/name" of letters, digits, '-', '_'
// and '.', no part of which is a path.
bool IsHubId(std::string_view id);

// The snapshot folder of `id` at refs/<revision>, or at the commit `revision`; nullopt when it is
// not cached. Throws kInvalidArgument for an id or a revision that would leave the cache.
std::optional<std::filesystem::path> FindHubSnapshot(std::string_view id,
                                                     std::string_view revision = "main");

// A model that comes with dear, or an adapter of one.
struct ShippedModel {
  std::string name;    // "smollm2-135m-instruct"
  std::string file;    // its weights, in DearModelFolder()
  std::string hub_id;  // of the model whose weights it holds, in another form; empty: an adapter
  std::string sha256;
  uint64_t bytes;
  std::string licence;
  std::string how_to_get;  // the command that fetches it
};
const std::vector<ShippedModel>& ShippedModels();
// What is opened under its name: the file of a model, the folder of an adapter.
std::filesystem::path ShippedPath(const ShippedModel& model);

// What -m, --base and --adapter take, in this order: a folder or file, a shipped name, a hub id in
// the cache. A folder without config.json that holds one .gguf file stands for that file. Throws
// kNotFound that says where it looked and how to get the model.
std::filesystem::path ResolveModel(const std::string& name);

// The base of an adapter: an absolute path, one relative to the adapter's folder, one relative to
// the working folder, then a shipped name or the hub cache. Throws kNotFound that lists these.
std::filesystem::path ResolveBase(const std::filesystem::path& adapter_folder,
                                  const std::string& base_name);

}  // namespace dear

#endif  // DEAR_HUB_HUB_CACHE_H_
