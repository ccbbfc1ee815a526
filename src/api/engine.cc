// The public API over the floors below: each function here is a translation of arguments.
#include "dear/engine.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "api/loaded_model.h"
#include "base/error.h"
#include "dear/ranker.h"
#include "generate/generator.h"
#include "hub/hub_cache.h"
#include "rank/reranker.h"

namespace dear {

struct Engine::Impl {
  mutable std::mutex adapters;                                           // guards loaded.adapters
  std::shared_ptr<std::mutex> compute = std::make_shared<std::mutex>();  // one call at a time
  LoadedModel loaded;
};

struct Ranker::Impl {
  std::shared_ptr<std::mutex> compute;
  Reranker reranker;
  std::string recipe;
};

Engine Engine::Load(const std::string& model, const EngineOptions& options) {
  LoadRequest request;
  request.model = model;
  request.base = options.base;
  request.options.weights = {.form = ParseWeightForm(options.weights),
                             .double_quant = options.double_quant};
  request.threads = options.threads;
  request.prefix_cache_bytes = options.prefix_cache_bytes;
  auto impl = std::make_shared<Impl>();
  impl->loaded = dear::Load(request);
  return Engine(std::move(impl));
}

void Engine::LoadAdapter(const std::string& name, const std::string& path) {
  const PeftAdapter files = OpenPeftAdapter(ResolveModel(path));
  auto adapter = Adapter::Bind(*impl_->loaded.model, files, name);
  const std::scoped_lock lock(impl_->adapters);
  LoadedModel& loaded = impl_->loaded;
  const auto taken = [&name](const auto& other) { return other->name() == name; };
  if (name.empty() || name == "base" || std::ranges::any_of(loaded.adapters, taken))
    throw Error(ErrorCode::kInvalidArgument, "adapter '" + name + "'", "the name is taken");
  loaded.adapters.push_back(std::move(adapter));
  loaded.adapter_folders.push_back(files.path);
}

void Engine::UnloadAdapter(const std::string& name) {
  const std::scoped_lock lock(impl_->adapters);
  LoadedModel& loaded = impl_->loaded;
  const auto found =
      std::ranges::find(loaded.adapters, name, [](const auto& adapter) { return adapter->name(); });
  if (found == loaded.adapters.end())
    throw Error(ErrorCode::kNotFound, "adapter '" + name + "'", "is not loaded");
  loaded.adapter_folders.erase(loaded.adapter_folders.begin() + (found - loaded.adapters.begin()));
  loaded.adapters.erase(found);
}

std::vector<std::string> Engine::Adapters() const {
  const std::scoped_lock lock(impl_->adapters);
  std::vector<std::string> names;
  for (const auto& adapter : impl_->loaded.adapters) names.push_back(adapter->name());
  return names;
}

Ranker Engine::MakeRanker(const RankerOptions& options) const {
  const std::scoped_lock lock(impl_->adapters);
  const LoadedModel& loaded = impl_->loaded;
  const auto adapter = loaded.FindAdapter(options.adapter);
  const Recipe recipe =
      LoadRecipe(options.recipe.empty() ? loaded.Detect(adapter.get()).name : options.recipe);
  return Ranker(std::make_shared<Ranker::Impl>(Ranker::Impl{
      impl_->compute, Reranker(loaded.MakeLanguageModel(adapter), recipe), recipe.name}));
}

std::string Engine::Generate(const std::string& prompt, const TextOptions& options) const {
  GenerateRequest request;
  {
    const std::scoped_lock lock(impl_->adapters);
    request.adapter = impl_->loaded.FindAdapter(options.adapter);
  }
  const LoadedModel& loaded = impl_->loaded;
  request.prompt = loaded.tokenizer->Encode(prompt).ids;
  request.max_new_tokens = options.max_new_tokens;
  request.sampling = {
      .temperature = options.temperature,
      .top_k = options.top_k,
      .top_p = options.top_p,
      .seed = options.seed,
      .repetition_penalty = loaded.checkpoint.generation.repetition_penalty.value_or(1)};
  request.stop_strings = options.stop;
  request.on_text = options.on_text;
  const std::scoped_lock lock(*impl_->compute);
  return dear::Generate(loaded.model, loaded.pool, loaded.tokenizer, {&request, 1}, options.cancel)
      .front()
      .text;
}

Ranking Ranker::Rank(const std::string& query, const std::vector<std::string>& passages,
                     const RankSettings& settings) const {
  RankRequest request;
  request.query = query;
  for (const std::string& passage : passages) {
    request.passages.emplace_back();
    request.passages.back().text = passage;
  }
  RankOptions options;
  if (settings.max_new_tokens > 0) options.max_new_tokens = settings.max_new_tokens;
  options.reasoning = settings.reasoning;
  options.on_text = settings.on_text;
  options.cancel = settings.cancel;
  RankResult result;
  {
    const std::scoped_lock lock(*impl_->compute);
    result = impl_->reranker.Rank(request, options);
  }
  Ranking ranking;
  for (const int64_t index : result.permutation) {
    const auto at = static_cast<size_t>(index);
    ranking.passages.push_back({at, result.scores[at]});
  }
  ranking.score_kind = ScoreKindName(result.score_kind);
  ranking.text = std::move(result.text);
  ranking.reasoning = std::move(result.reasoning);
  ranking.repair = RepairName(result.repair);
  ranking.prompt_tokens = result.usage.prompt_tokens;
  ranking.cached_tokens = result.usage.cached_tokens;
  ranking.completion_tokens = result.usage.completion_tokens;
  return ranking;
}

const std::string& Ranker::recipe() const {
  return impl_->recipe;
}

}  // namespace dear
