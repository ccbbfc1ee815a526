#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "rank/placeholders.h"
#include "rank/pointwise_input.h"
#include "rank/rank_kinds.h"
#include "rank/text_rule.h"

namespace dear {
namespace {

// The text behind the last placeholder: what an answer follows.
std::string TailOf(const Recipe& recipe) {
  const std::string& text =
      recipe.input.parts.empty() ? recipe.prompt.text : recipe.input.parts.back().text;
  const std::vector<std::string> names = PlaceholdersIn(text);
  if (names.empty()) return text;
  const std::string last = "{" + names.back() + "}";
  return text.substr(text.rfind(last) + last.size());
}

// The token by which a model gives `answer`.
TokenId AnswerToken(const Recipe& recipe, const Tokenizer& tokenizer, const std::string& answer) {
  EncodeOptions plain;
  plain.add_special_tokens = false;
  const auto fail = [&](const std::string& why) -> TokenId {
    throw Error(ErrorCode::kInvalidArgument, "recipe " + recipe.name,
                "the answer '" + answer + "' " + why);
  };
  switch (recipe.score.lookup) {
    case TokenLookup::kVocabulary: {
      const auto id = tokenizer.TokenToId(answer);
      return id ? *id : fail("is no token of this model's vocabulary");
    }
    case TokenLookup::kAlone: {
      const std::vector<TokenId> ids = tokenizer.Encode(answer, plain).ids;
      return ids.empty() ? fail("has no tokens") : ids.front();
    }
    case TokenLookup::kInContext: {
      const std::string tail = TailOf(recipe);
      const std::vector<TokenId> before = tokenizer.Encode(tail, plain).ids;
      const std::vector<TokenId> after = tokenizer.Encode(tail + answer, plain).ids;
      const auto differs =
          std::mismatch(after.begin(), after.end(), before.begin(), before.end()).first;
      return differs == after.end() ? fail("has no tokens") : *differs;
    }
  }
  return fail("cannot be looked up");
}

std::vector<TokenId> AnswerTokens(const Recipe& recipe, const Tokenizer& tokenizer) {
  std::vector<TokenId> tokens = {AnswerToken(recipe, tokenizer, recipe.score.positive)};
  if (recipe.score.negative.empty()) return tokens;
  tokens.push_back(AnswerToken(recipe, tokenizer, recipe.score.negative));
  if (tokens[0] == tokens[1]) {
    throw Error(ErrorCode::kInvalidArgument, "recipe " + recipe.name,
                "the answers '" + recipe.score.positive + "' and '" + recipe.score.negative +
                    "' begin with the same token in this model's vocabulary");
  }
  return tokens;
}

float LinearScore(const ScoreRule& rule, const std::vector<float>& logits) {
  if (rule.label >= static_cast<int64_t>(logits.size())) {
    throw Error(ErrorCode::kInvalidArgument, "score.label",
                "the recipe reads label " + std::to_string(rule.label) + ", but the head has " +
                    std::to_string(logits.size()));
  }
  return logits[static_cast<size_t>(rule.label)];
}

// The logits by which passages are ranked, one a prompt.
class Scorer {
 public:
  Scorer(LanguageModel& model, const Recipe& recipe) : model_(model), recipe_(recipe) {
    const Tokenizer& tokenizer = model.tokenizer();
    if (recipe.score.head == ScoreHead::kTokens) {
      tokens_ = AnswerTokens(recipe, tokenizer);
    } else if (recipe.score.pooling == Pooling::kLastSlot) {
      const auto pad = tokenizer.pad_id() ? tokenizer.pad_id() : tokenizer.eos_id();
      if (!pad) {
        throw Error(ErrorCode::kInvalidArgument, "recipe " + recipe.name,
                    "pools the last slot of a padded row, and the tokenizer has no padding token");
      }
      pad_ = *pad;
    }
  }

  std::vector<float> Score(const std::vector<std::vector<TokenId>>& prompts, Usage* usage,
                           const CancelFn& cancel) const {
    std::vector<float> scores;
    if (recipe_.score.head == ScoreHead::kTokens) {
      for (const auto& logits : model_.TokenLogits(prompts, tokens_, usage, cancel)) {
        scores.push_back(logits.size() > 1 ? logits.at(0) - logits.at(1) : logits.at(0));
      }
      return scores;
    }
    for (const auto& logits : Classify(prompts, usage, cancel)) {
      scores.push_back(LinearScore(recipe_.score, logits));
    }
    return scores;
  }

 private:
  std::vector<std::vector<float>> Classify(const std::vector<std::vector<TokenId>>& prompts,
                                           Usage* usage, const CancelFn& cancel) const {
    if (recipe_.score.pooling == Pooling::kLastSlot) {
      return model_.ClassifyPadded(prompts, pad_, recipe_.score.slots, usage, cancel);
    }
    std::vector<int64_t> positions;
    positions.reserve(prompts.size());
    for (const auto& prompt : prompts) positions.push_back(static_cast<int64_t>(prompt.size()) - 1);
    return model_.Classify(prompts, positions, usage, cancel);
  }

  LanguageModel& model_;
  const Recipe& recipe_;
  std::vector<TokenId> tokens_;
  TokenId pad_ = 0;
};

float Sigmoid(float logit) {
  return static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(logit))));
}

}  // namespace

RankResult RankPointwise(LanguageModel& model, const Recipe& recipe, const RankRequest& request,
                         const RankOptions& options) {
  RankResult result;
  const bool probability = recipe.score.transform == ScoreTransform::kSigmoid;
  result.score_kind = probability ? ScoreKind::kProbability : ScoreKind::kLogit;
  const Tokenizer& tokenizer = model.tokenizer();
  const PointwiseInput input(recipe, tokenizer, model.max_positions(),
                             PrepareQuery(QueryRule(recipe, options), request.query, tokenizer),
                             options.instruction);
  const Scorer scorer(model, recipe);
  const TextRule rule = PassageRule(recipe, options);

  int64_t shortened = 0;
  std::vector<float> logits;
  const auto n = static_cast<int64_t>(request.passages.size());
  for (int64_t begin = 0; begin < n; begin += kPassagesPerCall) {
    const int64_t end = std::min(n, begin + kPassagesPerCall);
    std::vector<std::vector<TokenId>> prompts;
    for (int64_t i = begin; i < end; ++i) {
      PointwiseInput::Tokens tokens =
          input.Build(PreparePassage(rule, request.passages[static_cast<size_t>(i)], tokenizer));
      shortened += tokens.shortened ? 1 : 0;
      if (options.trace) {
        result.trace.prompts.push_back(std::move(tokens.text));
        result.trace.prompt_ids.push_back(tokens.ids);
        AddEmptyAnswer(&result.trace);
      }
      prompts.push_back(std::move(tokens.ids));
    }
    const Usage before_call = result.usage;
    const std::vector<float> part = scorer.Score(prompts, &result.usage, options.cancel);
    logits.insert(logits.end(), part.begin(), part.end());
    if (options.trace) result.trace.calls.push_back({end - begin, result.usage - before_call});
    if (options.progress) options.progress("passages", end, n);
  }
  if (shortened > 0) {
    result.notes.push_back(std::to_string(shortened) +
                           " passages were shortened to fit the model's context of " +
                           std::to_string(model.max_positions()) + " tokens");
  }
  // By logit: probabilities close to 1 are equal in f32 where their logits still differ.
  result.permutation = OrderByScore(logits);
  result.scores = std::move(logits);
  if (probability) std::ranges::transform(result.scores, result.scores.begin(), Sigmoid);
  return result;
}

}  // namespace dear
