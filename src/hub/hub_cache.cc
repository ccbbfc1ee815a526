#include "hub/hub_cache.h"

#include <algorithm>
#include <cstdlib>
#include <system_error>

#include "base/error.h"
#include "base/file_kind.h"
#include "base/mapped_file.h"

namespace dear {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxIdPart = 96;  // the hub's own limit
constexpr size_t kMaxRevision = 256;
constexpr size_t kMaxRefBytes = 256;

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

fs::path Home() {
  const std::string home = Environment("HOME");
  return home.empty() ? fs::path("/") : fs::path(home);
}

fs::path ExpandHome(const std::string& path) {
  if (path == "~") return Home();
  if (path.starts_with("~/")) return Home() / path.substr(2);
  return path;
}

fs::path CacheFolder() {
  const std::string xdg = Environment("XDG_CACHE_HOME");
  return xdg.empty() ? Home() / ".cache" : ExpandHome(xdg);
}

bool IsIdCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

bool IsIdPart(std::string_view part) {
  return !part.empty() && part.size() <= kMaxIdPart && part.front() != '.' && part.front() != '-' &&
         part.find("--") == std::string_view::npos && part.find("..") == std::string_view::npos &&
         std::all_of(part.begin(), part.end(), IsIdCharacter);
}

// A branch, a tag or "refs/pr/1": parts joined by slashes, none of which goes up or is hidden.
bool IsRevision(std::string_view revision) {
  if (revision.size() > kMaxRevision) return false;
  while (true) {
    const size_t slash = revision.find('/');
    if (!IsIdPart(revision.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    revision.remove_prefix(slash + 1);
  }
}

bool IsCommit(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return IsIdCharacter(c) && c != '.' && c != '-' && c != '_';
  });
}

// A folder that holds nothing but one GGUF file stands for the file.
fs::path OrItsGguf(const fs::path& folder) {
  if (IsFile(folder / "config.json") || IsFile(folder / "adapter_config.json")) return folder;
  fs::path only;
  std::error_code error;
  for (auto it = fs::directory_iterator(folder, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    if (it->path().extension() != ".gguf") continue;
    if (!only.empty()) return folder;
    only = it->path();
  }
  return only.empty() ? folder : only;
}

std::optional<fs::path> AsPath(const fs::path& path) {
  if (path.empty()) return std::nullopt;
  if (IsFolder(path)) return OrItsGguf(path);
  if (IsFile(path)) return path;
  return std::nullopt;
}

const ShippedModel* FindShipped(std::string_view name) {
  for (const ShippedModel& model : ShippedModels()) {
    if (model.name == name) return &model;
  }
  return nullptr;
}

fs::path ResolveShipped(const ShippedModel& model) {
  const fs::path path = DearModelFolder() / model.file;
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error) {
    throw Error(ErrorCode::kNotFound, model.name,
                "is not fetched yet: " + path.string() + " is missing; run " + model.how_to_get);
  }
  if (size != model.bytes) {
    throw Error(ErrorCode::kInvalidFormat, path.string(),
                "is " + std::to_string(size) + " bytes long, expected " +
                    std::to_string(model.bytes) + " (fetched in part?); remove it and run " +
                    model.how_to_get);
  }
  return ShippedPath(model);
}

// A name that is no path: of a shipped model, or an id in the hub's cache.
std::optional<fs::path> ResolveName(const std::string& name) {
  if (const ShippedModel* model = FindShipped(name)) return ResolveShipped(*model);
  if (!IsHubId(name)) return std::nullopt;
  const auto snapshot = FindHubSnapshot(name);
  return snapshot ? std::optional<fs::path>(OrItsGguf(*snapshot)) : std::nullopt;
}

}  // namespace

fs::path HubCacheFolder() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    const std::string hub = Environment(name);
    if (!hub.empty()) return ExpandHome(hub);
  }
  const std::string home = Environment("HF_HOME");
  return (home.empty() ? CacheFolder() / "huggingface" : ExpandHome(home)) / "hub";
}

fs::path DearModelFolder() {
  return CacheFolder() / "dear" / "models";
}

fs::path DearPackedFolder() {
  return CacheFolder() / "dear" / "packed";
}

bool IsHubId(std::string_view id) {
  const size_t slash = id.find('/');
  if (slash == std::string_view::npos) return IsIdPart(id);
  return IsIdPart(id.substr(0, slash)) && IsIdPart(id.substr(slash + 1));
}

std::optional<fs::path> FindHubSnapshot(std::string_view id, std::string_view revision) {
  if (!IsHubId(id)) {
    throw Error(ErrorCode::kInvalidArgument, std::string(id),
                "is no id of a model on the Hugging Face hub (expected org/name)");
  }
  if (!IsRevision(revision)) {
    throw Error(ErrorCode::kInvalidArgument, std::string(id),
                "'" + std::string(revision) + "' is no revision");
  }
  std::string folder = "models--" + std::string(id);
  if (const size_t slash = folder.find('/'); slash != std::string::npos) {
    folder.replace(slash, 1, "--");
  }
  const fs::path repository = HubCacheFolder() / folder;
  std::string commit(revision);
  if (const fs::path ref = repository / "refs" / commit; IsFile(ref)) {
    commit = ReadFile(ref, kMaxRefBytes);
    while (!commit.empty() && (commit.back() == '\n' || commit.back() == '\r')) commit.pop_back();
    if (!IsCommit(commit)) {
      throw Error(ErrorCode::kInvalidFormat, ref.string(), "expected the name of a commit");
    }
  } else if (!IsCommit(commit)) {
    return std::nullopt;
  }
  const fs::path snapshot = repository / "snapshots" / commit;
  if (!IsFolder(snapshot)) return std::nullopt;
  return snapshot;
}

const std::vector<ShippedModel>& ShippedModels() {
  static const std::vector<ShippedModel> models = {
      {.name = "smollm2-135m-instruct",
       .file = "SmolLM2-135M-Instruct.Q4_1.gguf",
       .hub_id = "HuggingFaceTB/SmolLM2-135M-Instruct",
       .sha256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
       .bytes = 98362432,
       .licence = "Apache-2.0",
       .how_to_get = "scripts/quickstart"},
      {.name = "dear-135m-pointwise",
       .file = "dear-135m-pointwise/adapter_model.safetensors",
       .hub_id = "",
       .sha256 = "565a375fa7f5685e24e441f2ffe139206552c41f892a82b9bde6c0618952b447",
       .bytes = 4938648,
       .licence = "Apache-2.0",
       .how_to_get = "scripts/quickstart"},
  };
  return models;
}

fs::path ShippedPath(const ShippedModel& model) {
  const fs::path weights = DearModelFolder() / model.file;
  return model.hub_id.empty() ? weights.parent_path() : weights;
}

fs::path ResolveModel(const std::string& name) {
  if (name.empty()) throw Error(ErrorCode::kInvalidArgument, "model", "no name is given");
  if (auto path = AsPath(ExpandHome(name))) return *path;
  if (auto path = ResolveName(name)) return *path;
  std::string shipped;
  for (const ShippedModel& model : ShippedModels()) {
    shipped += (shipped.empty() ? "" : ", ") + model.name;
  }
  std::string where = "is no folder or file and no shipped model (" + shipped + ")";
  if (IsHubId(name)) {
    where += ", and is not in the Hugging Face cache " + HubCacheFolder().string() +
             "; download it first (hf download " + name + ")";
  }
  throw Error(ErrorCode::kNotFound, name, where);
}

fs::path ResolveBase(const fs::path& adapter_folder, const std::string& base_name) {
  if (base_name.empty()) {
    throw Error(ErrorCode::kNotFound, adapter_folder.string(),
                "names no base model (base_model_name_or_path); give it with --base");
  }
  const fs::path base = ExpandHome(base_name);
  // Path joining keeps an absolute path as it is.
  if (auto path = AsPath(adapter_folder / base)) return *path;
  if (auto path = AsPath(base)) return *path;
  if (auto path = ResolveName(base_name)) return *path;
  throw Error(ErrorCode::kNotFound, adapter_folder.string(),
              "its base model '" + base_name + "' is not found: looked " +
                  (base.is_absolute() ? "at that path"
                                      : "beside the adapter, in the working folder, and in the "
                                        "Hugging Face cache " +
                                            HubCacheFolder().string()) +
                  "; give it with --base");
}

}  // namespace dear
