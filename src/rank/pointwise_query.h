#ifndef DEAR_RANK_POINTWISE_QUERY_H_
#define DEAR_RANK_POINTWISE_QUERY_H_

#include <cstdint>
#include <string_view>

#include "rank/pointwise_input.h"
#include "rank/recipe.h"
#include "rank/reranker.h"
#include "rank/scoring.h"
#include "rank/text_rule.h"
#include "text/tokenizer.h"

namespace dear {

// What a recipe that pools the last slot of a padded row pads with. Throws kInvalidArgument where
// the tokenizer has neither a padding nor an end token.
TokenId PaddingToken(const Recipe& recipe, const Tokenizer& tokenizer);

// A query as a pointwise recipe encodes it with each of its passages, from the texts as they were
// given: what a model is asked when it ranks, and what it is trained on. Recipe and tokenizer must
// outlive it.
class PointwiseQuery final : public ScoringQuery {
 public:
  // `context`: the longest input that the model takes. Throws kInvalidArgument for an empty query
  // and one that does not fit.
  PointwiseQuery(const Recipe& recipe, const Tokenizer& tokenizer, int64_t context,
                 std::string_view query, const RankOptions& options);

  ScoringPrompt Build(const Passage& passage) const override;

 private:
  const Tokenizer& tokenizer_;
  TextRule rule_;
  PointwiseInput input_;
};

}  // namespace dear

#endif  // DEAR_RANK_POINTWISE_QUERY_H_
