#include "rank/recipe_lengths.h"

#include <gtest/gtest.h>

#include "formats/testing/expect_error.h"

namespace dear {
namespace {

TEST(RecipeLengthsTest, ReplaceThoseOfTheRecipe) {
  const Recipe repo = WithLengths(LoadRecipe("dear-pointwise-repo"), {.query = 64, .passage = 500});
  EXPECT_EQ(repo.input.parts[0].max_tokens, 64);
  EXPECT_EQ(repo.input.parts[1].max_tokens, 500);
  EXPECT_EQ(repo.input.max_length, 0);
  EXPECT_EQ(repo.query.cut.unit, CutUnit::kNone);

  const Recipe query_only = WithLengths(LoadRecipe("dear-pointwise-card"), {.query = 3});
  EXPECT_EQ(query_only.pair.max_length, 228);
  EXPECT_EQ(query_only.passage.cut.unit, CutUnit::kNone);
  testing::ExpectError(ErrorCode::kInvalidArgument, "query_max_length: expected at least 1",
                       [] { WithLengths({}, {.query = 0}); });
  testing::ExpectError(ErrorCode::kInvalidArgument, "passage_max_length: expected at least 1",
                       [] { WithLengths({}, {.passage = -1}); });
}

}  // namespace
}  // namespace dear
