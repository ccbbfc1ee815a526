#ifndef DEAR_API_NEGATIVE_FIELDS_H_
#define DEAR_API_NEGATIVE_FIELDS_H_

#include <optional>
#include <span>
#include <string>

#include "base/json.h"

namespace dear {

// A passage that is added to a training row as one that is not relevant.
struct MinedNegative {
  std::string docid;  // empty: none is known
  std::string title;
  std::string text;
  std::optional<float> score;  // BM25's; of one that no search found: none
};

// The field of a mined row that holds the scores of the negatives that were added to it, in their
// order; null where there is none. Training reads no such field.
inline constexpr const char* kMinedScores = "bm25_scores";

// Adds negatives to a row that ReadRankingRow can read, behind those that it has and under the name
// under which it has them; to a list of passages with labels as passages of label 0. A negative is
// a text, or an object where it has a title or the row is Tevatron's (`negative_passages`). All
// other fields stay as they are.
//
// Throws kInvalidFormat for a row with a field that says something of each of its passages and
// would not fit any more: `scores`, `neg_scores`, `order`.
void AddNegatives(std::span<const MinedNegative> negatives, Json* row);

}  // namespace dear

#endif  // DEAR_API_NEGATIVE_FIELDS_H_
