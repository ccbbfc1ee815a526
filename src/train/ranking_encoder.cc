#include "train/ranking_encoder.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "rank/likelihood_query.h"
#include "rank/pointwise_query.h"

namespace dear {
namespace {

void RequireTrainable(const Recipe& recipe) {
  if (recipe.kind == RecipeKind::kListwise) {
    throw Error(ErrorCode::kUnsupported, "recipe " + recipe.name,
                "expected a pointwise one or query likelihood, found listwise");
  }
}

bool PoolsLastSlot(const Recipe& recipe) {
  return recipe.kind == RecipeKind::kPointwise && recipe.score.head == ScoreHead::kLinear &&
         recipe.score.pooling == Pooling::kLastSlot;
}

std::unique_ptr<ScoringQuery> OpenQuery(const Recipe& recipe, const Tokenizer& tokenizer,
                                        int64_t context, const std::string& query,
                                        const RankOptions& options) {
  if (recipe.kind == RecipeKind::kQueryLikelihood) {
    return std::make_unique<LikelihoodQuery>(recipe, tokenizer, context, query, options);
  }
  return std::make_unique<PointwiseQuery>(recipe, tokenizer, context, query, options);
}

// `pad`: of a row that is padded to so many slots, of which the last is pooled.
EncodedRanking::Passage EncodePassage(const ScoringQuery& query, const RankingPassage& passage,
                                      std::optional<TokenId> pad, int64_t slots) {
  Passage text;
  text.title = passage.title;
  text.text = passage.text;
  ScoringPrompt prompt = query.Build(text);
  EncodedRanking::Passage out;
  out.ids = std::move(prompt.ids);
  if (out.ids.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "passage", "query and passage have no tokens");
  }
  if (pad && std::ssize(out.ids) >= slots) {
    out.ids.resize(static_cast<size_t>(slots));
  } else if (pad) {
    out.ids.push_back(*pad);
    out.padded_slot = slots - 1;
  }
  out.score_rows.push_back(static_cast<int32_t>(out.ids.size()) - 1);
  out.targets = std::move(prompt.continuation);
  // Each token of what is scored but the last is fed, and predicts the next.
  for (size_t i = 1; i < out.targets.size(); ++i) {
    out.ids.push_back(out.targets[i - 1]);
    out.score_rows.push_back(static_cast<int32_t>(out.ids.size()) - 1);
  }
  return out;
}

}  // namespace

RankingEncoder::RankingEncoder(Recipe recipe, std::shared_ptr<const Tokenizer> tokenizer,
                               int64_t context, std::string instruction)
    : recipe_(std::move(recipe)),
      tokenizer_(std::move(tokenizer)),
      context_(context),
      instruction_(std::move(instruction)) {
  RequireTrainable(recipe_);
  if (PoolsLastSlot(recipe_)) pad_ = PaddingToken(recipe_, *tokenizer_);
  reader_ = MakeScoreReader(recipe_, *tokenizer_);
}

EncodedRanking RankingEncoder::Encode(const RankingExample& example) const {
  RankOptions options;
  options.instruction = instruction_;
  const auto query = OpenQuery(recipe_, *tokenizer_, context_, example.query, options);
  EncodedRanking out;
  for (const RankingPassage& passage : example.passages) {
    out.passages.push_back(EncodePassage(*query, passage, pad_, recipe_.score.slots));
    out.labels.push_back(static_cast<float>(passage.label));
    if (passage.teacher_score)
      out.teacher_scores.push_back(static_cast<float>(*passage.teacher_score));
  }
  const auto is_positive = [](float label) { return label > 0; };
  if (std::ranges::none_of(out.labels, is_positive)) out.labels.clear();
  if (out.teacher_scores.size() < example.passages.size()) out.teacher_scores.clear();
  out.teacher_order = example.teacher_order;
  return out;
}

}  // namespace dear
