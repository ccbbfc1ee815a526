#include "train/score_reader.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "rank/answer_tokens.h"

namespace dear {
namespace {

// The difference of two outputs, or one alone.
class OutputReader final : public ScoreReader {
 public:
  OutputReader(std::string recipe, int64_t plus, std::optional<int64_t> minus)
      : recipe_(std::move(recipe)), plus_(plus), minus_(minus) {}

  void Values(BackwardOps& /*ops*/, const ScoreRows& rows, const float* outputs,
              double* values) const override {
    Check(rows.width);
    for (int64_t row = 0; row < rows.count; ++row) {
      const float* const y = outputs + row * rows.width;
      values[row] = y[plus_];
      if (minus_) values[row] -= y[*minus_];
    }
  }

  void Gradients(BackwardOps& /*ops*/, const ScoreRows& rows, const float* dvalues,
                 float* outputs) const override {
    Check(rows.width);
    std::fill_n(outputs, rows.count * rows.width, 0.0F);
    for (int64_t row = 0; row < rows.count; ++row) {
      float* const y = outputs + row * rows.width;
      y[plus_] = dvalues[row];
      if (minus_) y[*minus_] = -dvalues[row];
    }
  }

 private:
  void Check(int64_t outputs) const {
    const int64_t last = std::max(plus_, minus_.value_or(0));
    if (last < outputs) return;
    throw Error(ErrorCode::kInvalidArgument, "recipe " + recipe_,
                "reads output " + std::to_string(last) + " of the model's head, which has " +
                    std::to_string(outputs));
  }

  std::string recipe_;
  int64_t plus_;
  std::optional<int64_t> minus_;
};

// log softmax at the row's target.
class LikelihoodReader final : public ScoreReader {
 public:
  void Values(BackwardOps& ops, const ScoreRows& rows, const float* outputs,
              double* values) const override {
    ops.CrossEntropy(outputs, rows.count, rows.width, rows.targets, values);
    for (int64_t row = 0; row < rows.count; ++row) values[row] = -values[row];
  }

  void Gradients(BackwardOps& ops, const ScoreRows& rows, const float* dvalues,
                 float* outputs) const override {
    std::vector<float> scales(dvalues, dvalues + rows.count);
    for (float& scale : scales) scale = -scale;
    std::vector<double> losses(scales.size());
    ops.CrossEntropyGradient(outputs, rows.count, rows.width, rows.targets, scales.data(),
                             losses.data());
  }
};

}  // namespace

std::shared_ptr<const ScoreReader> MakeScoreReader(const Recipe& recipe,
                                                   const Tokenizer& tokenizer) {
  if (recipe.kind == RecipeKind::kQueryLikelihood) return std::make_shared<LikelihoodReader>();
  if (recipe.score.head == ScoreHead::kLinear) {
    return std::make_shared<OutputReader>(recipe.name, recipe.score.label, std::nullopt);
  }
  const std::vector<TokenId> tokens = AnswerTokens(recipe, tokenizer);
  return std::make_shared<OutputReader>(
      recipe.name, tokens[0], tokens.size() > 1 ? std::optional<int64_t>(tokens[1]) : std::nullopt);
}

}  // namespace dear
