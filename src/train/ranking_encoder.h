#ifndef DEAR_TRAIN_RANKING_ENCODER_H_
#define DEAR_TRAIN_RANKING_ENCODER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "rank/recipe.h"
#include "text/tokenizer.h"
#include "train/ranking_objective.h"
#include "train/ranking_rows.h"
#include "train/score_reader.h"

namespace dear {

// Queries with their passages as token ids, and the place and the reading of their scores: what
// ranking with the recipe computes (PointwiseQuery, LikelihoodQuery), so that what is trained is
// what is served. Encode is const and may be called by several threads.
class RankingEncoder {
 public:
  // `context`: the longest input that the model takes. `instruction` of the user; may be empty.
  // Throws kUnsupported for a recipe that gives no scores, kInvalidArgument where recipe and
  // tokenizer do not fit.
  RankingEncoder(Recipe recipe, std::shared_ptr<const Tokenizer> tokenizer, int64_t context,
                 std::string instruction = "");

  // All passages of the example. Labels are there where one is positive, teacher scores where all
  // passages have one. Throws kInvalidArgument where the query is empty or does not fit.
  EncodedRanking Encode(const RankingExample& example) const;

  const Recipe& recipe() const { return recipe_; }
  std::shared_ptr<const ScoreReader> reader() const { return reader_; }

 private:
  Recipe recipe_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  int64_t context_;
  std::string instruction_;
  std::optional<TokenId> pad_;  // where the last slot of a padded row is pooled
  std::shared_ptr<const ScoreReader> reader_;
};

}  // namespace dear

#endif  // DEAR_TRAIN_RANKING_ENCODER_H_
