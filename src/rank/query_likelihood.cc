#include <memory>
#include <span>
#include <vector>

#include "rank/likelihood_query.h"
#include "rank/rank_kinds.h"

namespace dear {
namespace {

// The mean of the tokens' log-probabilities, summed in double.
float Mean(const std::vector<float>& values) {
  double sum = 0;
  for (const float value : values) sum += value;
  return static_cast<float>(sum / static_cast<double>(values.size()));
}

class QueryLikelihood final : public ScoringKind {
 public:
  QueryLikelihood(LanguageModel& model, const Recipe& recipe, const RankOptions& options)
      : model_(model), recipe_(recipe), options_(options) {}

  std::unique_ptr<ScoringQuery> Open(const RankRequest& request) const override {
    return std::make_unique<LikelihoodQuery>(recipe_, model_.tokenizer(), model_.max_positions(),
                                             request.query, options_);
  }

  std::vector<float> Score(std::span<const ScoringPrompt> prompts, Usage* usage) const override {
    std::vector<ContinuationScoreRequest> calls;
    calls.reserve(prompts.size());
    for (const ScoringPrompt& prompt : prompts) calls.push_back({prompt.ids, prompt.continuation});
    std::vector<float> scores;
    for (const std::vector<float>& values :
         model_.ScoreContinuations(calls, usage, options_.cancel)) {
      scores.push_back(Mean(values));
    }
    return scores;
  }

  // The last token of the query is predicted, never fed.
  int64_t Tokens(const ScoringPrompt& prompt) const override {
    return static_cast<int64_t>(prompt.ids.size() + prompt.continuation.size()) - 1;
  }
  float Shown(float score) const override { return score; }
  ScoreKind score_kind() const override { return ScoreKind::kLogLikelihood; }

 private:
  LanguageModel& model_;
  const Recipe& recipe_;
  const RankOptions& options_;
};

}  // namespace

std::unique_ptr<ScoringKind> MakeQueryLikelihood(LanguageModel& model, const Recipe& recipe,
                                                 const RankOptions& options) {
  return std::make_unique<QueryLikelihood>(model, recipe, options);
}

}  // namespace dear
