#ifndef DEAR_TRAIN_SFT_DATASET_H_
#define DEAR_TRAIN_SFT_DATASET_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "train/dataset_info.h"
#include "train/sft_json_rows.h"
#include "train/sft_row.h"

namespace dear {

struct SftDatasetOptions {
  std::optional<int64_t> max_samples;  // of each source, its first ones
  // Of the rows that a source's num_samples draws. LLaMA-Factory draws from numpy's global
  // generator, so its rows are others.
  uint64_t seed = 42;
};

struct SftReport {
  static constexpr size_t kMaxNamed = 5;
  int64_t rows = 0;                        // read
  int64_t dropped = 0;                     // of these, without a conversation
  std::vector<std::string> first_dropped;  // "FILE:LINE: why", at most kMaxNamed
};

// The conversations of several sources, one source after the other. Opening reads every row once,
// so that broken files stop a training before it begins; held is only where the good ones lie.
// Reading is const and may be done by several threads.
class SftDataset {
 public:
  // Throws kInvalidFormat naming file and line for broken JSON, naming the file where it has none
  // of the columns that its entry names, and where no row at all holds a conversation.
  explicit SftDataset(std::vector<SftSource> sources, const SftDatasetOptions& options = {});

  size_t size() const { return examples_.size(); }
  SftExample Example(size_t index) const;
  std::string Place(size_t index) const;  // "FILE:LINE"
  const SftReport& report() const { return report_; }

 private:
  struct File {
    size_t source = 0;
    SftJsonRows rows;
  };
  struct RowOf {
    uint32_t file = 0;
    uint64_t row = 0;
  };

  void AddSource(size_t source, const SftDatasetOptions& options);
  void AddRow(const RowOf& at, std::vector<std::string>* unseen_columns);

  std::vector<SftSource> sources_;
  std::vector<File> files_;
  std::vector<RowOf> examples_;
  SftReport report_;
};

}  // namespace dear

#endif  // DEAR_TRAIN_SFT_DATASET_H_
