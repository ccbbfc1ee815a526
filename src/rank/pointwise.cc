#include <cmath>
#include <utility>

#include "base/error.h"
#include "rank/placeholders.h"
#include "rank/rank_kinds.h"
#include "rank/text_rule.h"

namespace dear {
namespace {

EncodeOptions PairOptions(const PairRule& rule, const LanguageModel& model) {
  EncodeOptions options;
  options.truncation = Truncation::kLongestFirst;
  options.max_length = model.max_positions();
  if (rule.max_length > 0 && rule.max_length < options.max_length)
    options.max_length = rule.max_length;
  return options;
}

float ScoreOf(const PairRule& rule, const std::vector<float>& logits) {
  if (rule.label >= static_cast<int64_t>(logits.size())) {
    throw Error(ErrorCode::kInvalidArgument, "score.label",
                "the recipe reads label " + std::to_string(rule.label) + ", but the head has " +
                    std::to_string(logits.size()));
  }
  const float logit = logits[static_cast<size_t>(rule.label)];
  if (rule.transform == ScoreTransform::kLogit) return logit;
  return static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(logit))));
}

}  // namespace

RankResult RankPointwise(LanguageModel& model, const Recipe& recipe, const RankRequest& request,
                         const RankOptions& options) {
  RankResult result;
  result.score_kind =
      recipe.pair.transform == ScoreTransform::kLogit ? ScoreKind::kLogit : ScoreKind::kProbability;
  const Tokenizer& tokenizer = model.tokenizer();
  const EncodeOptions encode = PairOptions(recipe.pair, model);
  const std::string query = PrepareQuery(QueryRule(recipe, options), request.query, tokenizer);
  const std::string first = Fill(recipe.pair.query, {{"query", query}});
  const TextRule rule = PassageRule(recipe, options);

  const auto n = static_cast<int64_t>(request.passages.size());
  for (int64_t begin = 0; begin < n; begin += kPassagesPerCall) {
    const int64_t end = std::min(n, begin + kPassagesPerCall);
    std::vector<std::vector<TokenId>> prompts;
    std::vector<int64_t> positions;
    for (int64_t i = begin; i < end; ++i) {
      const PassageText text =
          PreparePassage(rule, request.passages[static_cast<size_t>(i)], tokenizer);
      const std::string second =
          Fill(recipe.pair.document,
               {{"passage", text.passage}, {"title", text.title}, {"text", text.text}});
      prompts.push_back(tokenizer.EncodePair(first, second, encode).ids);
      positions.push_back(static_cast<int64_t>(prompts.back().size()) - 1);
      if (options.trace) {
        result.trace.prompts.push_back(first + "\n" + second);
        result.trace.prompt_ids.push_back(prompts.back());
      }
    }
    const Usage before_call = result.usage;
    for (const std::vector<float>& logits :
         model.Classify(prompts, positions, &result.usage, options.cancel)) {
      result.scores.push_back(ScoreOf(recipe.pair, logits));
    }
    if (options.trace) result.trace.calls.push_back({end - begin, result.usage - before_call});
    if (options.progress) options.progress("passages", end, n);
  }
  result.permutation = OrderByScore(result.scores);
  return result;
}

}  // namespace dear
