#ifndef DEAR_RANK_PERMUTATION_CONSTRAINT_H_
#define DEAR_RANK_PERMUTATION_CONSTRAINT_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "generate/constraint.h"
#include "rank/continuation_encoder.h"
#include "rank/ranking_text.h"
#include "rank/recipe.h"

namespace dear {

// Holds a listwise answer to a permutation: only ids that were not named yet, in the recipe's
// format and in the tokens in which the tokenizer writes it, and the end only behind the last of
// them. Blanks or line breaks may stand before. A model that reasons is free until it has written
// one of the recipe's markers.
class PermutationConstraint final : public Constraint {
 public:
  // For an answer about n passages after `prompt`. `tokenizer` and `recipe` outlive it.
  PermutationConstraint(const Tokenizer& tokenizer, const Recipe& recipe, int64_t n, bool reasoning,
                        std::span<const TokenId> prompt);

  // Throws kUnsupported where the tokenizer cannot write a ranking here.
  std::optional<std::vector<TokenId>> Allowed(std::span<const TokenId> written) override;

 private:
  const Tokenizer& tokenizer_;
  const Recipe& recipe_;
  bool reasoning_;
  RankingText text_;
  ContinuationEncoder encoder_;
};

}  // namespace dear

#endif  // DEAR_RANK_PERMUTATION_CONSTRAINT_H_
