#include "api/stage_models.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace dear {

StageSpec ParseStageSpec(std::string_view text) {
  StageSpec spec{.model = std::string(text), .recipe = "", .depth = 0};
  const size_t colon = text.rfind(':');
  std::error_code ignored;
  if (colon == std::string_view::npos || std::filesystem::exists(spec.model, ignored)) return spec;
  const std::string_view number = text.substr(colon + 1);
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), spec.depth);
  if (error != std::errc() || end != number.data() + number.size()) {
    spec.depth = 0;
    return spec;
  }
  if (spec.depth < 1 || colon == 0) {
    throw Error(ErrorCode::kInvalidArgument, "then '" + std::string(text) + "'",
                "expected MODEL or MODEL:DEPTH with a depth of at least 1");
  }
  spec.model = std::string(text.substr(0, colon));
  return spec;
}

StageModels::StageModels(const LoadedModel& first, const std::vector<StageSpec>& specs,
                         const LoadRequest& how) {
  for (const StageSpec& spec : specs) {
    const LoadedModel* model = &first;
    std::string adapter = spec.model;
    const bool is_loaded = std::ranges::any_of(
        first.adapters, [&](const auto& known) { return known->name() == spec.model; });
    if (!is_loaded) {
      LoadRequest request;
      request.model = spec.model;
      request.options = how.options;
      request.packed = how.packed;
      model = &models_.emplace_back(LoadBeside(first, request));
      seconds_ += model->seconds;
      adapter.clear();
    }
    const auto bound = model->FindAdapter(adapter);
    DetectedRecipe recipe{.name = spec.recipe};
    if (spec.recipe.empty()) {
      recipe = model->Detect(bound.get());
      if (recipe.guessed)
        notes_.push_back(spec.model + ": ranking by the recipe " + recipe.name + ": " + recipe.why);
    }
    later_.push_back(
        {spec, std::make_unique<Reranker>(model->MakeLanguageModel(bound), recipe.Load())});
  }
}

std::string StageModels::Fingerprints() const {
  std::string all;
  for (const LoadedModel& model : models_) all += (all.empty() ? "" : " ") + Fingerprint(model);
  return all;
}

std::vector<Stage> StageModels::Behind(Stage first) const {
  std::vector<Stage> stages = {std::move(first)};
  for (const Later& later : later_)
    stages.push_back({later.spec.model, later.reranker.get(), later.spec.depth});
  return stages;
}

}  // namespace dear
