#include "api/model_files.h"

#include <system_error>

#include "base/error.h"
#include "formats/gguf.h"
#include "formats/peft_adapter.h"
#include "hub/hub_cache.h"

namespace dear {
namespace fs = std::filesystem;
namespace {

std::shared_ptr<const Tokenizer> OpenAt(const fs::path& path) {
  if (path.extension() == ".gguf") return Tokenizer::FromGguf(*GgufFile::Open(path));
  return Tokenizer::Open(path);
}

}  // namespace

bool HasTokenizer(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / "tokenizer.json", ignored) ||
         fs::exists(folder / "tokenizer.model", ignored);
}

bool HasTokenizer(const ModelFiles& files) {
  if (files.adapter && HasTokenizer(*files.adapter)) return true;
  if (files.base.extension() != ".gguf") return HasTokenizer(files.base);
  return GgufFile::Open(files.base)->metadata().contains("tokenizer.ggml.tokens");
}

ModelFiles FindModelFiles(const std::string& name, const std::string& base) {
  ModelFiles files{.name = name, .base = ResolveModel(name), .adapter = std::nullopt};
  if (!fs::is_directory(files.base) || !IsPeftAdapter(files.base)) {
    if (!base.empty()) {
      throw Error(ErrorCode::kInvalidArgument, name,
                  "is no adapter, so that it takes no base; give adapters with --adapter");
    }
    return files;
  }
  files.adapter = files.base;
  if (!base.empty()) {
    files.base = ResolveModel(base);
    if (fs::is_directory(files.base) && IsPeftAdapter(files.base))
      throw Error(ErrorCode::kInvalidArgument, base, "is an adapter and cannot be the base of one");
    return files;
  }
  const LoraConfig config = ParseLoraConfig(ReadJsonFile(*files.adapter / "adapter_config.json"),
                                            (*files.adapter / "adapter_config.json").string());
  files.base = ResolveBase(*files.adapter, config.base_model_name_or_path);
  return files;
}

std::shared_ptr<const Tokenizer> OpenTokenizer(const ModelFiles& files) {
  if (files.adapter && HasTokenizer(*files.adapter)) return OpenAt(*files.adapter);
  return OpenAt(files.base);
}

std::shared_ptr<const Tokenizer> OpenTokenizer(const std::string& name, const std::string& base) {
  std::error_code ignored;
  if (fs::is_regular_file(name, ignored) || HasTokenizer(name)) return OpenAt(name);
  const fs::path path = ResolveModel(name);
  if (fs::is_directory(path, ignored) && IsPeftAdapter(path) && !HasTokenizer(path))
    return OpenTokenizer(FindModelFiles(name, base));
  return OpenAt(path);
}

}  // namespace dear
