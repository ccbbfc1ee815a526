#include "train/ranking_objective.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/error.h"

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
        sequences_.push_back({.tokens = passage.ids, .head_rows = {passage.score_row}});
      }
    }
  }

  int64_t weight() const override { return static_cast<int64_t>(queries_.size()); }
  int64_t tokens() const override { return tokens_; }

  double Step(TrainingPass& pass, double scale) override {
    double sum = 0;
    pass.Step(sequences_, Loss(scale, sum));
    return sum;
  }
  double Evaluate(TrainingPass& pass) override {
    double sum = 0;
    pass.Evaluate(sequences_, Loss(0, sum));
    return sum;
  }

 private:
  // All scores of a query have to be there at once.
  LossFn Loss(double scale, double& sum) const {
    return [this, scale, &sum](int64_t first, int64_t rows, int64_t width, float* outputs) {
      if (first != 0 || rows != static_cast<int64_t>(sequences_.size())) {
        throw Error(ErrorCode::kUnsupported, "training step",
                    "has " + std::to_string(sequences_.size()) + " passages under a head of " +
                        std::to_string(width) +
                        " outputs, more than fit at once; lower per_device_train_batch_size");
      }
      const auto row_of = [&](size_t row) {
        return std::span(outputs + static_cast<int64_t>(row) * width, static_cast<size_t>(width));
      };
      size_t row = 0;
      for (const EncodedRanking& query : queries_) {
        std::vector<float> scores;
        for (size_t i = 0; i < query.passages.size(); ++i) {
          scores.push_back(static_cast<float>(reader_->Score(row_of(row + i))));
        }
        const RankingLossValue value = loss_->Compute({.scores = scores,
                                                       .labels = query.labels,
                                                       .teacher_scores = query.teacher_scores,
                                                       .teacher_order = query.teacher_order});
        sum += value.loss;
        for (size_t i = 0; i < scores.size(); ++i) {
          reader_->Gradient(scale * value.gradient[i], row_of(row + i));
        }
        row += scores.size();
      }
    };
  }

  std::vector<EncodedRanking> queries_;
  std::shared_ptr<const RankingLoss> loss_;
  std::shared_ptr<const ScoreReader> reader_;
  std::vector<TrainingSequence> sequences_;
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
