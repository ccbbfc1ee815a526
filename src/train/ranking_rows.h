#ifndef DEAR_TRAIN_RANKING_ROWS_H_
#define DEAR_TRAIN_RANKING_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "eval/qrels.h"
#include "train/ranking_losses.h"

namespace dear {

struct RankingPassage {
  std::string title;
  std::string text;
  double label = 0;  // relevance in 0..kMaxLabel, above 0 is positive
  std::optional<double> teacher_score;
};

// A query to learn from.
struct RankingExample {
  static constexpr double kMaxLabel = 1000;  // what a RankingLoss takes

  std::string query;
  std::vector<RankingPassage> passages;
  std::vector<int32_t> teacher_order;  // passages, the best first; or empty
};

// What a row must bring to be of use to a loss.
struct RankingNeeds {
  bool labels = false;
  bool teacher_scores = false;
  bool teacher_order = false;  // or teacher scores in its place
  size_t passages = 2;         // at least so many

  static RankingNeeds Of(const RankingLoss& loss);
};

struct RankingRow {
  std::optional<RankingExample> example;
  std::string dropped;  // where there is none: why
};

// Reads one row in whichever of these forms it is written:
//
//   {"query": …, "positive": …, "negatives": […]}
//     `pos`, `positives` and `positive_passages` are other names of the first list (the last is
//     Tevatron's and DeAR's), `negative`, `neg` and `negative_passages` of the second, and a list
//     of one may be written without brackets. Positives have label 1, negatives 0. The teacher's
//     scores stand in the passages; or in `pos_scores` and `neg_scores`; or in `scores`, the
//     positives' first.
//   {"query": …, "passages": […]}
//     `candidates` (RankLLM) and `hits` (RankGPT) are other names. Labels and scores stand in the
//     passages or in lists `labels` and `scores`. `order` is the teacher's ranking: the passages'
//     numbers, from 0, the best first. Where a row has none of the three, its list is the ranking.
//
// A query is a text or {"text": …, "qid": …}; its id may also stand in `query_id` or `qid`. A
// passage is a text or an object with a text (`text`, `segment`, `contents`, `content`, `body` or
// `passage`, in it or in its `doc`, which may be the text itself) and perhaps `title`, `docid`,
// `label` and `score`. Other fields are not read.
//
// With `qrels`, every label is the judgement of the passage's docid (none, or a negative one: 0).
//
// A row that is of another form, or has not what `needs` asks for, is dropped: without a query,
// with too few passages, without a passage of positive label that another one's is below, or
// without the teacher's scores. Throws nothing for what stands in a row.
RankingRow ReadRankingRow(const Json& row, const RankingNeeds& needs,
                          const eval::Qrels* qrels = nullptr);

// Passages with a positive label and another passage below it.
std::vector<int32_t> UsablePositives(const RankingExample& example);

}  // namespace dear

#endif  // DEAR_TRAIN_RANKING_ROWS_H_
