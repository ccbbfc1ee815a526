#ifndef DEAR_APPS_DEAR_MODEL_FLAGS_H_
#define DEAR_APPS_DEAR_MODEL_FLAGS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/loaded_model.h"
#include "command.h"

namespace dear::app {

inline constexpr const char* kDefaultModel = "smollm2-135m-instruct";

inline constexpr uint64_t kDefaultPrefixCache = 0;

// The flags of every command that loads a model.
struct ModelFlags {
  std::string model = kDefaultModel;
  std::string base;
  std::vector<std::string> adapters;
  std::string use;
  std::string dtype = "auto";
  std::string compute = "reference";
  std::string device = "cpu";
  bool double_quant = false;
  int threads = 0;
  std::optional<uint64_t> prefix_cache;  // bytes
  std::string packed_cache = "20GiB";
  const CLI::Option* verbose = nullptr;  // the command's own

  void Declare(CLI::App& command);
  LoadRequest Request(bool quiet) const;
};

void DeclareModelName(CLI::App& command, std::string& model);
// Of the commands that rank.
void DeclarePrefixCache(CLI::App& command, std::optional<uint64_t>& bytes);

// Loads with a progress bar on a terminal.
LoadedModel LoadWithProgress(const ModelFlags& flags, bool quiet, bool needs_tokenizer = true);

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_MODEL_FLAGS_H_
