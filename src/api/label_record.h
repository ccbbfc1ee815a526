#ifndef DEAR_API_LABEL_RECORD_H_
#define DEAR_API_LABEL_RECORD_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "api/label_rows.h"
#include "base/json.h"

namespace dear {

// What training learns from a teacher: its scores, its order, or its answers.
enum class LabelForm { kScores, kOrder, kSft };
std::string_view LabelFormName(LabelForm form);

// A row with what a teacher says of its passages, as ReadRankingRow reads it back. The row's own
// fields stay, but for scores and orders of another: these are replaced, and the score that stands
// in a passage (RankLLM's requests have the first stage's there) is called "previous_score".

// Scores in `pos_scores` and `neg_scores` beside positives and negatives, else in `scores`. One a
// passage, in the order of the example's; they are finite.
OrderedJson ScoresRecord(const LabelRow& row, std::span<const float> scores);
// The teacher's order, numbers of the example's passages, best first, in `order`. Positives and
// negatives become one list with `labels`, since an order is one over both.
OrderedJson OrderRecord(const LabelRow& row, std::span<const int64_t> order);

}  // namespace dear

#endif  // DEAR_API_LABEL_RECORD_H_
