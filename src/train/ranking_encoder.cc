#include "train/ranking_encoder.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "rank/answer_tokens.h"
#include "rank/placeholders.h"
#include "rank/pointwise_query.h"

namespace dear {
namespace {

// The difference of two outputs, or one alone.
class OutputReader final : public ScoreReader {
 public:
  OutputReader(std::string recipe, int64_t plus, std::optional<int64_t> minus)
      : recipe_(std::move(recipe)), plus_(plus), minus_(minus) {}

  double Score(std::span<const float> outputs) const override {
    Check(outputs.size());
    const double plus = outputs[static_cast<size_t>(plus_)];
    return minus_ ? plus - outputs[static_cast<size_t>(*minus_)] : plus;
  }

  void Gradient(double dscore, std::span<float> outputs) const override {
    Check(outputs.size());
    std::ranges::fill(outputs, 0.0F);
    outputs[static_cast<size_t>(plus_)] = static_cast<float>(dscore);
    if (minus_) outputs[static_cast<size_t>(*minus_)] = static_cast<float>(-dscore);
  }

 private:
  void Check(size_t outputs) const {
    const int64_t last = std::max(plus_, minus_.value_or(0));
    if (last < static_cast<int64_t>(outputs)) return;
    throw Error(ErrorCode::kInvalidArgument, "recipe " + recipe_,
                "reads output " + std::to_string(last) + " of the model's head, which has " +
                    std::to_string(outputs));
  }

  std::string recipe_;
  int64_t plus_;
  std::optional<int64_t> minus_;
};

std::shared_ptr<const ScoreReader> MakeReader(const Recipe& recipe, const Tokenizer& tokenizer) {
  if (recipe.score.head == ScoreHead::kLinear) {
    return std::make_shared<OutputReader>(recipe.name, recipe.score.label, std::nullopt);
  }
  const std::vector<TokenId> tokens = AnswerTokens(recipe, tokenizer);
  return std::make_shared<OutputReader>(
      recipe.name, tokens[0], tokens.size() > 1 ? std::optional<int64_t>(tokens[1]) : std::nullopt);
}

void RequireTrainable(const Recipe& recipe) {
  if (recipe.kind != RecipeKind::kPointwise) {
    throw Error(ErrorCode::kUnsupported, "recipe " + recipe.name,
                "expected a pointwise one, found " + std::string(RecipeKindName(recipe.kind)));
  }
  if (recipe.score.head == ScoreHead::kLinear && recipe.score.pooling == Pooling::kLastSlot) {
    throw Error(ErrorCode::kUnsupported, "recipe " + recipe.name,
                "pools the last slot of a padded row, which is not trained; use a recipe with "
                "pooling last_nonpad, as dear-pointwise-card");
  }
}

bool HoldsPassage(const InputPart& part) {
  return std::ranges::any_of(PlaceholdersIn(part.text), [](const std::string& name) {
    return name == "passage" || name == "title" || name == "text";
  });
}

bool HoldsQuery(const InputPart& part) {
  const std::vector<std::string> names = PlaceholdersIn(part.text);
  return std::ranges::find(names, "query") != names.end();
}

// A part of the query or of the passage, and of that one alone, that has a length of its own.
template <typename Holds>
bool CutParts(Holds holds, int64_t length, std::vector<InputPart>* parts) {
  bool found = false;
  for (InputPart& part : *parts) {
    const bool is_cut = part.max_tokens > 0 || part.max_share > 0;
    if (!is_cut || !holds(part) || (HoldsPassage(part) && HoldsQuery(part))) continue;
    part.max_tokens = length;
    part.max_share = 0;
    found = true;
  }
  return found;
}

void CheckLength(int64_t length, const char* name) {
  if (length >= 1) return;
  throw Error(ErrorCode::kInvalidArgument, name,
              "expected at least 1, found " + std::to_string(length));
}

EncodedRanking::Passage EncodePassage(const PointwiseQuery& query, const RankingPassage& passage) {
  Passage text;
  text.title = passage.title;
  text.text = passage.text;
  EncodedRanking::Passage out;
  out.ids = query.Build(text).ids;
  if (out.ids.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "passage", "query and passage have no tokens");
  }
  out.score_row = static_cast<int32_t>(out.ids.size()) - 1;
  return out;
}

}  // namespace

Recipe WithLengths(Recipe recipe, const RankingLengths& lengths) {
  std::vector<InputPart>* parts = &recipe.input.parts;
  if (lengths.query) {
    CheckLength(*lengths.query, "query_max_length");
    if (!CutParts(HoldsQuery, *lengths.query, parts)) {
      recipe.query.cut = {.unit = CutUnit::kTokens, .length = *lengths.query};
    }
  }
  if (lengths.passage) {
    CheckLength(*lengths.passage, "passage_max_length");
    if (!CutParts(HoldsPassage, *lengths.passage, parts)) {
      recipe.passage.cut = {.unit = CutUnit::kTokens, .length = *lengths.passage};
    }
    recipe.pair.max_length = 0;
    recipe.input.max_length = 0;
    recipe.prompt.truncate = 0;
  }
  return recipe;
}

RankingEncoder::RankingEncoder(Recipe recipe, std::shared_ptr<const Tokenizer> tokenizer,
                               int64_t context, std::string instruction)
    : recipe_(std::move(recipe)),
      tokenizer_(std::move(tokenizer)),
      context_(context),
      instruction_(std::move(instruction)) {
  RequireTrainable(recipe_);
  reader_ = MakeReader(recipe_, *tokenizer_);
}

EncodedRanking RankingEncoder::Encode(const RankingExample& example) const {
  RankOptions options;
  options.instruction = instruction_;
  const PointwiseQuery query(recipe_, *tokenizer_, context_, example.query, options);
  EncodedRanking out;
  for (const RankingPassage& passage : example.passages) {
    out.passages.push_back(EncodePassage(query, passage));
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
