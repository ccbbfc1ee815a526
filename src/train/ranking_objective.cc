#include "train/ranking_objective.h"

#include <algorithm>
#include <utility>

namespace dear {
namespace {

class RankingMicroBatch : public MicroBatch {
 public:
  RankingMicroBatch(std::vector<EncodedRanking> queries, std::shared_ptr<const RankingLoss> loss,
                    std::shared_ptr<const ScoreReader> reader)
      : queries_(std::move(queries)), loss_(std::move(loss)), reader_(std::move(reader)) {
    for (const EncodedRanking& query : queries_) {
      for (const EncodedRanking::Passage& passage : query.passages) {
        tokens_ += static_cast<int64_t>(passage.ids.size());
        sequences_.push_back({.tokens = passage.ids,
                              .head_rows = passage.score_rows,
                              .padded_slot = passage.padded_slot});
        targets_.insert(targets_.end(), passage.targets.begin(), passage.targets.end());
        rows_ += passage.score_rows.size();
      }
    }
  }

  int64_t weight() const override { return static_cast<int64_t>(queries_.size()); }
  int64_t tokens() const override { return tokens_; }

  double Step(TrainingPass& pass, double scale) override {
    std::vector<double> values(rows_);
    std::vector<float> dvalues;
    double sum = 0;
    pass.Step(sequences_, ReadInto(pass, values),
              [&](int64_t first, int64_t rows, int64_t width, float* outputs) {
                if (first == 0) sum = LossOf(values, scale, &dvalues);
                reader_->Gradients(pass.backward_ops(), Part(first, rows, width),
                                   dvalues.data() + first, outputs);
              });
    return sum;
  }

  double Evaluate(TrainingPass& pass) override {
    std::vector<double> values(rows_);
    pass.Evaluate(sequences_, ReadInto(pass, values));
    std::vector<float> ignored;
    return LossOf(values, 0, &ignored);
  }

 private:
  ScoreRows Part(int64_t first, int64_t rows, int64_t width) const {
    return {rows, width, targets_.empty() ? nullptr : targets_.data() + first};
  }

  ReadFn ReadInto(TrainingPass& pass, std::vector<double>& values) const {
    return
        [this, &pass, &values](int64_t first, int64_t rows, int64_t width, const float* outputs) {
          reader_->Values(pass.backward_ops(), Part(first, rows, width), outputs,
                          values.data() + first);
        };
  }

  // The sum of the queries' losses, and the gradient of scale * sum by each row's value.
  double LossOf(const std::vector<double>& values, double scale,
                std::vector<float>* dvalues) const {
    double sum = 0;
    dvalues->clear();
    auto value = values.begin();
    for (const EncodedRanking& query : queries_) {
      std::vector<float> scores;
      for (const EncodedRanking::Passage& passage : query.passages) {
        double score = 0;
        for (size_t row = 0; row < passage.score_rows.size(); ++row) score += *value++;
        scores.push_back(static_cast<float>(score));
      }
      const RankingLossValue loss = loss_->Compute({.scores = scores,
                                                    .labels = query.labels,
                                                    .teacher_scores = query.teacher_scores,
                                                    .teacher_order = query.teacher_order});
      sum += loss.loss;
      for (size_t i = 0; i < scores.size(); ++i) {
        dvalues->insert(dvalues->end(), query.passages[i].score_rows.size(),
                        static_cast<float>(scale * loss.gradient[i]));
      }
    }
    return sum;
  }

  std::vector<EncodedRanking> queries_;
  std::shared_ptr<const RankingLoss> loss_;
  std::shared_ptr<const ScoreReader> reader_;
  std::vector<TrainingSequence> sequences_;
  std::vector<TokenId> targets_;  // of all rows; empty where the scores have none
  size_t rows_ = 0;
  int64_t tokens_ = 0;
};

}  // namespace

RankingObjective::RankingObjective(size_t size, EncodeFn encode,
                                   std::shared_ptr<const RankingLoss> loss,
                                   std::shared_ptr<const ScoreReader> reader)
    : size_(size), encode_(std::move(encode)), loss_(std::move(loss)), reader_(std::move(reader)) {}

std::unique_ptr<MicroBatch> RankingObjective::Prepare(std::span<const size_t> items,
                                                      int64_t epoch) const {
  std::vector<EncodedRanking> queries;
  queries.reserve(items.size());
  for (const size_t item : items) queries.push_back(encode_(item, epoch));
  return std::make_unique<RankingMicroBatch>(std::move(queries), loss_, reader_);
}

}  // namespace dear
