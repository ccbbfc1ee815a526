#ifndef DEAR_TRAIN_RANKING_OBJECTIVE_H_
#define DEAR_TRAIN_RANKING_OBJECTIVE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "text/tokenizer.h"
#include "train/objective.h"
#include "train/ranking_losses.h"
#include "train/score_reader.h"

namespace dear {

// One query with the passages that a step compares, encoded.
struct EncodedRanking {
  struct Passage {
    std::vector<TokenId> ids;
    std::vector<int32_t> score_rows;  // of its ids, ascending: whose head outputs hold the score
    std::vector<TokenId> targets;     // of each of these rows, where the score is a likelihood
    int64_t padded_slot = -1;         // not negative: the last id is padding at this place
  };
  std::vector<Passage> passages;
  std::vector<float> labels;           // of each, or empty
  std::vector<float> teacher_scores;   // likewise
  std::vector<int32_t> teacher_order;  // likewise
};

// A ranking loss over the scores of each query's passages: the loss of a step is its mean over the
// queries. A query's passages go through the model together.
class RankingObjective : public Objective {
 public:
  // `encode` gives item i of `size` as it is in an epoch.
  using EncodeFn = std::function<EncodedRanking(size_t item, int64_t epoch)>;
  RankingObjective(size_t size, EncodeFn encode, std::shared_ptr<const RankingLoss> loss,
                   std::shared_ptr<const ScoreReader> reader);

  size_t size() const override { return size_; }
  std::unique_ptr<MicroBatch> Prepare(std::span<const size_t> items, int64_t epoch) const override;

 private:
  size_t size_;
  EncodeFn encode_;
  std::shared_ptr<const RankingLoss> loss_;
  std::shared_ptr<const ScoreReader> reader_;
};

}  // namespace dear

#endif  // DEAR_TRAIN_RANKING_OBJECTIVE_H_
