#ifndef DEAR_API_LABEL_ROWS_H_
#define DEAR_API_LABEL_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "api/run_jobs.h"
#include "base/json.h"
#include "base/progress.h"
#include "rank/reranker.h"
#include "train/ranking_rows.h"

namespace dear {

// A row that a teacher is to label.
struct LabelRow {
  size_t number = 0;  // of all rows, from 1
  Json json;          // as it stands there
  std::optional<RankingExample> example;
  std::string dropped;  // where there is none: why
};

// What is known of all rows before any of them is labelled.
struct LabelOutline {
  size_t rows = 0;
  size_t unusable = 0;           // that hold no ranking of two passages or more
  std::string first_unusable;    // "FILE:LINE: why"
  bool positives_first = false;  // a row's list begins with what is known to be relevant
  std::vector<std::string> notes;
};

// Rows with a query and its passages, one after another.
class LabelRows {
 public:
  virtual ~LabelRows() = default;

  // Goes through the first `limit` rows (0: all), so that a broken line is said before hours of
  // work and not after. Called once, before all else. Throws the errors of the files with file and
  // line; kInvalidFormat where no row can be ranked; kCancelled.
  virtual LabelOutline Check(size_t limit, const CancelFn& cancel) = 0;
  // The next row; nothing behind the last of those that were checked.
  virtual std::optional<LabelRow> Next() = 0;
  // Passes over the next rows.
  virtual void Skip(size_t count) = 0;
  // Where a row stands, for messages: counts lines, so not for loops.
  virtual std::string Place(const LabelRow& row) const = 0;
  // What tells these rows from others: a hash of the files that they stand in. Of a run's corpus,
  // which may be large, the size alone is in it.
  virtual std::string Fingerprint() const = 0;
};

// A file, plain or gzipped, of rows as ReadRankingRow knows them, one a line or in a JSON list;
// RankLLM's and RankGPT's requests are such rows. Throws what SftJsonRows and LineReader throw.
std::unique_ptr<LabelRows> OpenLabelRows(const std::filesystem::path& path);
// The queries of a TREC run, each as RankLLM's request.
std::unique_ptr<LabelRows> OpenLabelRun(const RunFiles& files);

// The passages of a row in the order in which the teacher gets them: as they stand, or shuffled by
// seed and row.
std::vector<int64_t> ShownOrder(size_t num_passages, std::optional<uint64_t> seed, size_t row);

// What a teacher is asked: the passages `shown`. Their scores are those of the first stage.
RankRequest LabelRequest(const LabelRow& row, std::span<const int64_t> shown);

}  // namespace dear

#endif  // DEAR_API_LABEL_ROWS_H_
