#include "rank/reranker.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "rank/prompt.h"
#include "rank/rank_kinds.h"

namespace dear {

std::string_view ScoreKindName(ScoreKind kind) {
  switch (kind) {
    case ScoreKind::kPosition: return "position";
    case ScoreKind::kLogit: return "logit";
    case ScoreKind::kProbability: return "probability";
    case ScoreKind::kLogLikelihood: return "log_likelihood";
    case ScoreKind::kFused: return "fused";
  }
  return "";
}

std::string_view RepairName(Repair repair) {
  switch (repair) {
    case Repair::kOk: return "ok";
    case Repair::kWrongFormat: return "wrong_format";
    case Repair::kMissing: return "missing";
    case Repair::kRepetition: return "repetition";
  }
  return "";
}

std::vector<int64_t> OrderByScore(std::span<const float> scores) {
  for (size_t i = 0; i < scores.size(); ++i) {
    if (std::isnan(scores[i])) {
      throw Error(ErrorCode::kInternal, "passage " + std::to_string(i),
                  "the model gave no number as its score");
    }
  }
  std::vector<int64_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](int64_t a, int64_t b) {
    return scores[static_cast<size_t>(a)] > scores[static_cast<size_t>(b)];
  });
  return order;
}

Reranker::Reranker(std::shared_ptr<LanguageModel> model, Recipe recipe)
    : model_(std::move(model)), recipe_(std::move(recipe)) {
  if (!model_) throw Error(ErrorCode::kInvalidArgument, "reranker", "there is no model");
  const bool needs_score_head =
      recipe_.kind == RecipeKind::kPointwise && recipe_.score.head == ScoreHead::kLinear;
  if (needs_score_head != model_->has_score_head()) {
    throw Error(
        ErrorCode::kInvalidArgument, "recipe " + recipe_.name,
        needs_score_head
            ? "it reads a classification head ('score'), and the model has none"
            : "it needs a language model, and this one has a classification head ('score')");
  }
  ChatFormatOf(recipe_, model_->tokenizer());
  // Its answers and its padding are tokens of this model, or no query can be ranked.
  if (recipe_.kind == RecipeKind::kPointwise) MakePointwise(*model_, recipe_, {});
}

RankResult Reranker::Rank(const RankRequest& request, const RankOptions& options) const {
  RankOutcome outcome = std::move(RankAll(std::span(&request, 1), options).front());
  if (outcome.error) throw Error(*std::move(outcome.error));
  return std::move(outcome.result);
}

std::vector<RankOutcome> Reranker::RankAll(std::span<const RankRequest> requests,
                                           const RankOptions& options) const {
  if (recipe_.kind == RecipeKind::kListwise)
    return RankListwise(*model_, recipe_, requests, options);
  try {
    ChooseDecoding(recipe_, options);  // refuses those of rankings
    const std::unique_ptr<ScoringKind> kind = recipe_.kind == RecipeKind::kPointwise
                                                  ? MakePointwise(*model_, recipe_, options)
                                                  : MakeQueryLikelihood(*model_, recipe_, options);
    return RankByScore(*kind, model_->max_positions(), requests, options);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCancelled) throw;
    return std::vector<RankOutcome>(requests.size(), RankOutcome{.result = {}, .error = error});
  }
}

}  // namespace dear
