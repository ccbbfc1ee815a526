#include <algorithm>
#include <cmath>
#include <memory>
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

float Sigmoid(float logit) {
  return static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(logit))));
}

class PointwiseQuery final : public ScoringQuery {
 public:
  PointwiseQuery(const LanguageModel& model, const Recipe& recipe, const RankRequest& request,
                 const RankOptions& options)
      : tokenizer_(model.tokenizer()),
        rule_(PassageRule(recipe, options)),
        input_(recipe, tokenizer_, model.max_positions(),
               PrepareQuery(QueryRule(recipe, options), request.query, tokenizer_),
               options.instruction) {}

  ScoringPrompt Build(const Passage& passage) const override {
    PointwiseInput::Tokens tokens = input_.Build(PreparePassage(rule_, passage, tokenizer_));
    return {.text = std::move(tokens.text),
            .ids = std::move(tokens.ids),
            .continuation = {},
            .shortened = tokens.shortened};
  }

 private:
  const Tokenizer& tokenizer_;
  TextRule rule_;
  PointwiseInput input_;
};

class Pointwise final : public ScoringKind {
 public:
  Pointwise(LanguageModel& model, const Recipe& recipe, const RankOptions& options)
      : model_(model), recipe_(recipe), options_(options) {
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

  std::unique_ptr<ScoringQuery> Open(const RankRequest& request) const override {
    return std::make_unique<PointwiseQuery>(model_, recipe_, request, options_);
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
