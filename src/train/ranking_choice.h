#ifndef DEAR_TRAIN_RANKING_CHOICE_H_
#define DEAR_TRAIN_RANKING_CHOICE_H_

#include <cstddef>
#include <cstdint>

#include "train/ranking_rows.h"

namespace dear {

struct RankingChoice {
  int64_t passages_per_query = 2;  // at least 2
  uint64_t seed = 42;
};

// The passages of a query that are compared in an epoch, the first the best known, with the
// teacher's order among them. What is chosen follows from seed, epoch and the query's index alone,
// so that a run that goes on later sees the same.
//
// One of the usable positives, another in each epoch, and passages of a lower label; where there is
// no usable positive, the teacher's first passage and others. The others stand in a random order of
// their own, of which each epoch takes the next ones, so that all are seen before one is seen
// again. This is Tevatron's rule, and DeAR's, but for a query with fewer of them than asked for:
// there passages are drawn several times, here the group is smaller; a passage that stands twice in
// a group would weigh twice in the loss and be computed twice.
//
// Throws kInvalidArgument for fewer than two passages a query, and for an example that has neither
// a usable positive nor the teacher's order or scores.
RankingExample ChooseRanking(RankingExample example, const RankingChoice& choice, size_t index,
                             int64_t epoch);

}  // namespace dear

#endif  // DEAR_TRAIN_RANKING_CHOICE_H_
