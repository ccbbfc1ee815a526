#ifndef DEAR_API_MODEL_FILES_H_
#define DEAR_API_MODEL_FILES_H_

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "text/tokenizer.h"

namespace dear {

// Where the parts of a model lie that the user named.
struct ModelFiles {
  std::string name;                              // as the user gave it
  std::filesystem::path base;                    // a folder in Hugging Face layout, or a .gguf file
  std::optional<std::filesystem::path> adapter;  // where the name is that of a PEFT adapter
};

// `base` (empty: as adapter_config.json says) is another name for the base of an adapter. Throws
// kNotFound that lists where it looked, kInvalidArgument for a base beside a model that is none.
ModelFiles FindModelFiles(const std::string& name, const std::string& base = "");

// The adapter's own tokenizer where it has one, else its base's.
std::shared_ptr<const Tokenizer> OpenTokenizer(const ModelFiles& files);

// The tokenizer of what `name` stands for: a model, an adapter, a folder with tokenizer files
// alone, or such a file. Needs no weights, nor an adapter's base where the adapter has a tokenizer.
std::shared_ptr<const Tokenizer> OpenTokenizer(const std::string& name,
                                               const std::string& base = "");

bool HasTokenizer(const std::filesystem::path& folder);
bool HasTokenizer(const ModelFiles& files);

}  // namespace dear

#endif  // DEAR_API_MODEL_FILES_H_
