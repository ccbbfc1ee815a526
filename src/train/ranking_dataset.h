#ifndef DEAR_TRAIN_RANKING_DATASET_H_
#define DEAR_TRAIN_RANKING_DATASET_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "eval/qrels.h"
#include "train/ranking_choice.h"
#include "train/ranking_rows.h"
#include "train/ranking_sources.h"
#include "train/sft_json_rows.h"

namespace dear {

struct RankingDatasetOptions {
  RankingNeeds needs;
  RankingChoice choice;
  std::optional<int64_t> max_samples;  // of each source, its first rows
};

struct RankingReport {
  static constexpr size_t kMaxNamed = 5;
  int64_t rows = 0;                        // read
  int64_t dropped = 0;                     // of these, of no use (ReadRankingRow)
  std::vector<std::string> first_dropped;  // "FILE:LINE: why", at most kMaxNamed
  int64_t small_groups = 0;  // queries with fewer passages to choose from than are asked for
};

// The training queries of several sources, one source after the other. Opening reads every row
// once, so that broken files stop a training before it begins; held is only where the good ones
// lie. Reading is const and may be done by several threads.
class RankingDataset {
 public:
  // Throws kInvalidFormat naming file and line for broken JSON, and where no row is of use; what
  // eval::Qrels::Read throws; kInvalidArgument for options out of range.
  RankingDataset(std::vector<RankingSource> sources, const RankingDatasetOptions& options);

  size_t size() const { return examples_.size(); }
  // With all its passages.
  RankingExample Example(size_t index) const;
  // With those of an epoch, counted from 0 (ChooseRanking).
  RankingExample Chosen(size_t index, int64_t epoch) const;
  std::string Place(size_t index) const;  // "FILE:LINE"
  const RankingReport& report() const { return report_; }

 private:
  struct File {
    size_t source = 0;
    SftJsonRows rows;
  };
  struct RowOf {
    uint32_t file = 0;
    uint64_t row = 0;
  };

  void AddSource(size_t source);
  void AddRow(const RowOf& at);
  RankingRow Read(const RowOf& at) const;

  RankingDatasetOptions options_;
  std::vector<RankingSource> sources_;
  std::vector<std::optional<eval::Qrels>> qrels_;  // of each source
  std::vector<File> files_;
  std::vector<RowOf> examples_;
  RankingReport report_;
};

}  // namespace dear

#endif  // DEAR_TRAIN_RANKING_DATASET_H_
