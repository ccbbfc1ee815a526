#include "rank/pointwise_query.h"

#include <utility>

#include "base/error.h"

namespace dear {

TokenId PaddingToken(const Recipe& recipe, const Tokenizer& tokenizer) {
  const auto pad = tokenizer.pad_id() ? tokenizer.pad_id() : tokenizer.eos_id();
  if (pad) return *pad;
  throw Error(ErrorCode::kInvalidArgument, "recipe " + recipe.name,
              "pools the last slot of a padded row, and the tokenizer has no padding token");
}

PointwiseQuery::PointwiseQuery(const Recipe& recipe, const Tokenizer& tokenizer, int64_t context,
                               std::string_view query, const RankOptions& options)
    : tokenizer_(tokenizer),
      rule_(PassageRule(recipe, options)),
      input_(recipe, tokenizer, context, PrepareQuery(QueryRule(recipe, options), query, tokenizer),
             options.instruction) {}

ScoringPrompt PointwiseQuery::Build(const Passage& passage) const {
  PointwiseInput::Tokens tokens = input_.Build(PreparePassage(rule_, passage, tokenizer_));
  return {.text = std::move(tokens.text),
          .ids = std::move(tokens.ids),
          .continuation = {},
          .shortened = tokens.shortened};
}

}  // namespace dear
