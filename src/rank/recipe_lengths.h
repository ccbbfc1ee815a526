#ifndef DEAR_RANK_RECIPE_LENGTHS_H_
#define DEAR_RANK_RECIPE_LENGTHS_H_

#include <cstdint>
#include <optional>

#include "rank/recipe.h"

namespace dear {

// A recipe's lengths with others in their place, in tokens.
struct RankingLengths {
  std::optional<int64_t> query;
  std::optional<int64_t> passage;
};

// The recipe with these lengths. A part that the recipe cuts on its own is cut to the new
// length (its words around the text count), and where no part is, the text itself is, as
// RankOptions::max_passage_tokens does. A length of the passage lifts the recipe's limit of the
// whole; the model's context still holds. Throws kInvalidArgument for a length below 1.
Recipe WithLengths(Recipe recipe, const RankingLengths& lengths);

}  // namespace dear

#endif  // DEAR_RANK_RECIPE_LENGTHS_H_
