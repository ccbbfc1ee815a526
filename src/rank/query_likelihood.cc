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

}  // namespace

RankResult RankByQueryLikelihood(LanguageModel& model, const Recipe& recipe,
                                 const RankRequest& request, const RankOptions& options) {
  RankResult result;
  result.score_kind = ScoreKind::kLogLikelihood;
  const Tokenizer& tokenizer = model.tokenizer();
  const std::string query = PrepareQuery(QueryRule(recipe, options), request.query, tokenizer);
  EncodeOptions plain;
  plain.add_special_tokens = false;
  const std::vector<TokenId> continuation =
      tokenizer.Encode(Fill(recipe.continuation, {{"query", query}}), plain).ids;
  if (continuation.empty()) throw Error(ErrorCode::kInvalidArgument, "query", "has no tokens");
  const TextRule rule = PassageRule(recipe, options);

  int64_t shortened = 0;
  const auto n = static_cast<int64_t>(request.passages.size());
  for (int64_t begin = 0; begin < n; begin += kPassagesPerCall) {
    const int64_t end = std::min(n, begin + kPassagesPerCall);
    std::vector<ContinuationScoreRequest> calls;
    for (int64_t i = begin; i < end; ++i) {
      const PassageText text =
          PreparePassage(rule, request.passages[static_cast<size_t>(i)], tokenizer);
      Prompt prompt =
          FittingPrompt(recipe, model, text, static_cast<int64_t>(continuation.size()), &shortened);
      if (options.trace) {
        result.trace.prompts.push_back(prompt.text);
        result.trace.prompt_ids.push_back(prompt.ids);
        AddEmptyAnswer(&result.trace);
      }
      calls.push_back({std::move(prompt.ids), continuation});
    }
    const Usage before_call = result.usage;
    for (const std::vector<float>& values :
         model.ScoreContinuations(calls, &result.usage, options.cancel)) {
      result.scores.push_back(Mean(values));
    }
    if (options.trace) result.trace.calls.push_back({end - begin, result.usage - before_call});
    if (options.progress) options.progress("passages", end, n);
  }
  if (shortened > 0) {
    result.notes.push_back(std::to_string(shortened) +
                           " passages were shortened to fit the model's context of " +
                           std::to_string(model.max_positions()) + " tokens");
  }
  result.permutation = OrderByScore(result.scores);
  return result;
}

}  // namespace dear
