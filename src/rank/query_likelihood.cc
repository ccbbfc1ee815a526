#include <memory>
#include <utility>

#include "base/error.h"
#include "rank/placeholders.h"
#include "rank/prompt.h"
#include "rank/rank_kinds.h"
#include "rank/text_rule.h"
#include "text/python_text.h"

namespace dear {
namespace {

Prompt BuildPrompt(const Recipe& recipe, const Tokenizer& tokenizer, const PassageText& passage) {
  Prompt prompt;
  prompt.text =
      Fill(recipe.prompt.text,
           {{"passage", passage.passage}, {"title", passage.title}, {"text", passage.text}});
  EncodeOptions options;
  options.add_special_tokens = recipe.prompt.special_tokens;
  prompt.ids = tokenizer.Encode(prompt.text, options).ids;
  return prompt;
}

// The prompt with its passage cut, by code points, to what leaves room for the query.
Prompt FittingPrompt(const Recipe& recipe, const LanguageModel& model, const PassageText& passage,
                     int64_t query_tokens, int64_t* shortened) {
  const Tokenizer& tokenizer = model.tokenizer();
  const int64_t limit = model.max_positions() - query_tokens;
  Prompt prompt = BuildPrompt(recipe, tokenizer, passage);
  if (static_cast<int64_t>(prompt.ids.size()) <= limit) return prompt;
  const auto build = [&](int64_t chars) {
    return BuildPrompt(recipe, tokenizer, Shortened(std::span(&passage, 1), chars).front());
  };
  const int64_t longest = CodePointCount(passage.passage) + CodePointCount(passage.title);
  const int64_t chars = CutThatFits(
      longest, limit, [&](int64_t cut) { return static_cast<int64_t>(build(cut).ids.size()); });
  if (chars < 0) {
    throw Error(ErrorCode::kInvalidArgument, "query",
                "of " + std::to_string(query_tokens) +
                    " tokens does not fit the model's context of " +
                    std::to_string(model.max_positions()) + " tokens");
  }
  ++*shortened;
  return build(chars);
}

// The mean of the tokens' log-probabilities, summed in double.
float Mean(const std::vector<float>& values) {
  double sum = 0;
  for (const float value : values) sum += value;
  return static_cast<float>(sum / static_cast<double>(values.size()));
}

class LikelihoodQuery final : public ScoringQuery {
 public:
  LikelihoodQuery(const LanguageModel& model, const Recipe& recipe, const RankRequest& request,
                  const RankOptions& options)
      : model_(model), recipe_(recipe), rule_(PassageRule(recipe, options)) {
    const std::string query =
        PrepareQuery(QueryRule(recipe, options), request.query, model.tokenizer());
    EncodeOptions plain;
    plain.add_special_tokens = false;
    continuation_ =
        model.tokenizer().Encode(Fill(recipe.continuation, {{"query", query}}), plain).ids;
    if (continuation_.empty()) throw Error(ErrorCode::kInvalidArgument, "query", "has no tokens");
  }

  ScoringPrompt Build(const Passage& passage) const override {
    int64_t shortened = 0;
    Prompt prompt =
        FittingPrompt(recipe_, model_, PreparePassage(rule_, passage, model_.tokenizer()),
                      static_cast<int64_t>(continuation_.size()), &shortened);
    return {.text = std::move(prompt.text),
            .ids = std::move(prompt.ids),
            .continuation = continuation_,
            .shortened = shortened > 0};
  }

 private:
  const LanguageModel& model_;
  const Recipe& recipe_;
  TextRule rule_;
  std::vector<TokenId> continuation_;
};

class QueryLikelihood final : public ScoringKind {
 public:
  QueryLikelihood(LanguageModel& model, const Recipe& recipe, const RankOptions& options)
      : model_(model), recipe_(recipe), options_(options) {}

  std::unique_ptr<ScoringQuery> Open(const RankRequest& request) const override {
    return std::make_unique<LikelihoodQuery>(model_, recipe_, request, options_);
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
