#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "base/error.h"
#include "rank/answer_tokens.h"
#include "rank/pointwise_query.h"
#include "rank/rank_kinds.h"

namespace dear {
namespace {

float LinearScore(const ScoreRule& rule, const std::vector<float>& logits) {
  if (rule.label >= static_cast<int64_t>(logits.size())) {
    throw Error(ErrorCode::kInvalidArgument, "score.label",
                "the recipe reads label " + std::to_string(rule.label) + ", but the head has " +
                    std::to_string(logits.size()));
  }
  return logits[static_cast<size_t>(rule.label)];
}

float Sigmoid(float logit) {
  return static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(logit))));
}

class Pointwise final : public ScoringKind {
 public:
  Pointwise(LanguageModel& model, const Recipe& recipe, const RankOptions& options)
      : model_(model), recipe_(recipe), options_(options) {
    const Tokenizer& tokenizer = model.tokenizer();
    if (recipe.score.head == ScoreHead::kTokens) {
      tokens_ = AnswerTokens(recipe, tokenizer);
    } else if (recipe.score.pooling == Pooling::kLastSlot) {
      pad_ = PaddingToken(recipe, tokenizer);
    }
  }

  std::unique_ptr<ScoringQuery> Open(const RankRequest& request) const override {
    return std::make_unique<PointwiseQuery>(recipe_, model_.tokenizer(), model_.max_positions(),
                                            request.query, options_);
  }

  // By logit: probabilities close to 1 are equal in f32 where their logits still differ.
  std::vector<float> Score(std::span<const ScoringPrompt> prompts, Usage* usage) const override {
    std::vector<std::vector<TokenId>> ids;
    ids.reserve(prompts.size());
    for (const ScoringPrompt& prompt : prompts) ids.push_back(prompt.ids);
    std::vector<float> scores;
    if (recipe_.score.head == ScoreHead::kTokens) {
      for (const auto& logits : model_.TokenLogits(ids, tokens_, usage, options_.cancel)) {
        scores.push_back(logits.size() > 1 ? logits.at(0) - logits.at(1) : logits.at(0));
      }
      return scores;
    }
    for (const auto& logits : Classify(ids, usage)) {
      scores.push_back(LinearScore(recipe_.score, logits));
    }
    return scores;
  }

  int64_t Tokens(const ScoringPrompt& prompt) const override {
    const auto size = static_cast<int64_t>(prompt.ids.size());
    const bool padded =
        recipe_.score.head == ScoreHead::kLinear && recipe_.score.pooling == Pooling::kLastSlot;
    return padded ? std::min(size + 1, recipe_.score.slots) : size;
  }

  float Shown(float score) const override {
    return recipe_.score.transform == ScoreTransform::kSigmoid ? Sigmoid(score) : score;
  }
  ScoreKind score_kind() const override {
    return recipe_.score.transform == ScoreTransform::kSigmoid ? ScoreKind::kProbability
                                                               : ScoreKind::kLogit;
  }

 private:
  std::vector<std::vector<float>> Classify(const std::vector<std::vector<TokenId>>& prompts,
                                           Usage* usage) const {
    if (recipe_.score.pooling == Pooling::kLastSlot) {
      return model_.ClassifyPadded(prompts, pad_, recipe_.score.slots, usage, options_.cancel);
    }
    std::vector<int64_t> positions;
    positions.reserve(prompts.size());
    for (const auto& prompt : prompts) positions.push_back(static_cast<int64_t>(prompt.size()) - 1);
    return model_.Classify(prompts, positions, usage, options_.cancel);
  }

  LanguageModel& model_;
  const Recipe& recipe_;
  const RankOptions& options_;
  std::vector<TokenId> tokens_;
  TokenId pad_ = 0;
};

}  // namespace

std::unique_ptr<ScoringKind> MakePointwise(LanguageModel& model, const Recipe& recipe,
                                           const RankOptions& options) {
  return std::make_unique<Pointwise>(model, recipe, options);
}

}  // namespace dear
