#ifndef DEAR_ENGINE_H_
#define DEAR_ENGINE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dear/ranker.h"

namespace dear {

struct EngineOptions {
  std::string base;              // of an adapter; empty: as the adapter says
  std::string weights = "auto";  // auto, f32, bf16, int8, nf4, fp4, q8, q4
  bool double_quant = false;     // with nf4 and fp4
  int threads = 0;               // 0: as many as the process may use
  // Keys and values of what prompts begin with, kept for later rankings, in bytes; 0: none. Results
  // are the same.
  uint64_t prefix_cache_bytes = 0;
};

struct RankerOptions {
  std::string recipe;   // a name or a .yaml file; empty: found from the model's files
  std::string adapter;  // by name; "base": none; empty: the first, where there is one
};

struct TextOptions {
  int64_t max_new_tokens = 128;
  double temperature = 0;  // 0: greedy, as transformers
  int64_t top_k = 0;       // 0: all
  double top_p = 1;
  uint64_t seed = 0;
  std::vector<std::string> stop;  // the text ends before the first of these
  std::string adapter;
  std::function<void(std::string_view piece)> on_text;  // as it is written
  std::function<bool()> cancel;                         // asked between steps
};

// A base model in memory with the adapters beside it. Copies share the same model. Every function
// throws dear::Error. Const functions may be called from several threads; their work then takes
// turns.
class Engine {
 public:
  // `model`: a folder in Hugging Face layout (base model or PEFT adapter), a .gguf file, a hub id
  // in the local cache, or a shipped name ("smollm2-135m-instruct").
  static Engine Load(const std::string& model, const EngineOptions& options = {});

  // Puts another adapter beside the base; rankers made before keep what they have.
  void LoadAdapter(const std::string& name, const std::string& path);
  void UnloadAdapter(const std::string& name);
  std::vector<std::string> Adapters() const;

  Ranker MakeRanker(const RankerOptions& options = {}) const;
  // Continues `prompt`; special tokens are added in front as the tokenizer does it.
  std::string Generate(const std::string& prompt, const TextOptions& options = {}) const;

 private:
  struct Impl;
  explicit Engine(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

}  // namespace dear

#endif  // DEAR_ENGINE_H_
