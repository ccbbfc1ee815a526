#ifndef DEAR_API_LOADED_MODEL_H_
#define DEAR_API_LOADED_MODEL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/model_files.h"
#include "api/packed_cache.h"
#include "base/thread_pool.h"
#include "formats/checkpoint.h"
#include "model/adapter.h"
#include "model/model.h"
#include "model/prefix_cache.h"
#include "rank/detect_recipe.h"
#include "rank/model_language_model.h"
#include "text/tokenizer.h"

namespace dear {

struct NamedAdapter {
  std::string name;  // empty: the folder's name
  std::string path;  // a folder or a hub id
};

struct LoadRequest {
  std::string model;  // as -m takes it
  std::string base;   // of an adapter named by `model`; empty: as the adapter says
  std::vector<NamedAdapter> adapters;
  LoadOptions options;
  PackedCacheOptions packed;
  int threads = 0;  // 0: as many as the process may use
  // Bytes of keys and values that are kept of beginnings of prompts; 0: nothing is.
  uint64_t prefix_cache_bytes = 0;
  // Without it a model that has no tokenizer can be loaded too (its tokenizer is then null).
  bool needs_tokenizer = true;
};

// A base model with its tokenizer and the adapters that stand beside it.
struct LoadedModel {
  ModelFiles files;
  Checkpoint checkpoint;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<const Model> model;
  std::shared_ptr<ThreadPool> pool;
  // The one that `files` names first, then the others in the order given; names differ.
  std::vector<std::shared_ptr<const Adapter>> adapters;
  std::vector<std::filesystem::path> adapter_folders;  // of each
  std::shared_ptr<const void> packed_use;              // of the file that keeps its packed weights
  std::filesystem::path packed_file;                   // which may be none
  double seconds = 0;                                  // that loading took
  // Where its language models, and models loaded beside it, keep beginnings of prompts; null:
  // nowhere. Those that share it take turns.
  std::shared_ptr<PrefixCache> prefixes = nullptr;

  // By name; "base" is the model without one (null). An empty name is the first adapter, where
  // there is one. Throws kNotFound that lists the names.
  std::shared_ptr<const Adapter> FindAdapter(std::string_view name) const;

  // The recipe where the user names none. `adapter` is one of `adapters`, or null.
  DetectedRecipe Detect(const Adapter* adapter) const;
  // What ranking works with.
  std::shared_ptr<LanguageModel> MakeLanguageModel(std::shared_ptr<const Adapter> adapter) const;
};

LoadedModel Load(const LoadRequest& request);

// What tells the weights of one model and its adapters from others (model/fingerprint.h).
std::string Fingerprint(const LoadedModel& model);

// Another model in one process with `first`: both work on its threads, and where both stand on the
// same base, on the same weights. `request` must ask for them in the same form then.
LoadedModel LoadBeside(const LoadedModel& first, const LoadRequest& request);

// The same in two steps: what is known before any weight is read (adapters are opened, not bound).
struct OpenedModel {
  ModelFiles files;
  Checkpoint checkpoint;
  std::vector<std::pair<std::string, PeftAdapter>> adapters;

  DetectedRecipe Detect(const PeftAdapter* adapter) const;  // null: the base alone
};
OpenedModel OpenModel(const LoadRequest& request);

// "NAME=PATH" or "PATH".
NamedAdapter ParseNamedAdapter(std::string_view text);

// "auto", "f32", "bf16", "int8", "nf4", "fp4", "q8", "q4". Throws kInvalidArgument.
WeightForm ParseWeightForm(std::string_view name);

}  // namespace dear

#endif  // DEAR_API_LOADED_MODEL_H_
