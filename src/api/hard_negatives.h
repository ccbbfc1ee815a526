#ifndef DEAR_API_HARD_NEGATIVES_H_
#define DEAR_API_HARD_NEGATIVES_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "api/negative_fields.h"
#include "api/negative_passages.h"
#include "base/progress.h"
#include "base/thread_pool.h"
#include "generate/random.h"
#include "search/bm25_index.h"
#include "train/ranking_rows.h"
#include "train/sft_json_rows.h"

namespace dear {

struct HardNegativeOptions {
  size_t negatives = 15;  // a row
  size_t depth = 100;     // taken from the first so many passages that are found
  size_t skip = 0;        // but not from the first so many of these
  Bm25Parameters bm25;
  uint64_t seed = 42;
  bool sample = false;       // drawn from them; else the first ones
  bool same_topic = false;   // of pairs with the row's `topic` alone
  bool fill_random = false;  // what is missing is drawn from all passages
};

// Training rows with a query and positive passages, to each of which negatives are added that look
// relevant to BM25. A negative is no positive of its row nor of another row with the same query,
// nothing that the row has already, and stands in it once; texts are the same where TextKey is.
//
// Everything follows from files, options and a row's place; threads change nothing. Memory holds
// the index, 8 bytes a passage and thread to search in, and without a corpus the positives.
class HardNegatives {
 public:
  // `pairs` are rows as ReadRankingRow reads them (.json or .jsonl). `corpus`: see TextRecords; or
  // BEIR's folder; empty: the positives of all pairs, equal ones once.
  // Throws the errors of the files; kInvalidFormat where no row has a query and a positive, or one
  // lacks the topic that is asked for; kInvalidArgument for options that make no sense; kCancelled.
  HardNegatives(const std::filesystem::path& pairs, const std::filesystem::path& corpus,
                const HardNegativeOptions& options, ThreadPool& pool,
                const ProgressFn& progress = {}, const CancelFn& cancel = {});

  // Rows of the file, and those of them that cannot be used.
  struct Report {
    static constexpr size_t kMaxNamed = 3;
    size_t rows = 0;
    size_t dropped = 0;
    std::vector<std::string> first_dropped;
  };
  const Report& report() const { return report_; }
  // Rows that can be used.
  size_t size() const { return rows_.size(); }
  const Bm25Index& index() const { return *index_; }

  struct MinedRow {
    std::string line;  // JSON with a line end
    size_t added = 0;
  };
  // The rows from `begin` up to `end`, in order. Throws what AddNegatives throws, with the place.
  std::vector<MinedRow> Mine(size_t begin, size_t end);

  // Whether `record` may be what Mine made of a row: it has the same query.
  bool Matches(size_t index, const Json& record) const;

 private:
  struct ReadRow {
    RankingRow row;
    std::string topic;
  };
  struct RowOf {
    uint32_t row = 0;    // in the file
    uint64_t query = 0;  // TextKey
    uint32_t topic = 0;
  };
  using Keys = std::unordered_set<uint64_t>;

  void ReadRows(bool of_corpus, const ProgressFn& progress, const CancelFn& cancel);
  ReadRow Read(size_t row) const;
  void Take(size_t row, ReadRow read, bool of_corpus);

  MinedRow MineRow(const RowOf& at, Bm25Index::Workspace* workspace) const;
  Keys Excluded(const RowOf& at, const RankingExample& example) const;
  std::vector<MinedNegative> Choose(const RowOf& at, const RankingExample& example,
                                    Bm25Index::Workspace* workspace) const;
  void FillRandomly(const RowOf& at, Random* random, Keys* excluded,
                    std::vector<MinedNegative>* chosen) const;
  // Whether the passage is not excluded; from then on it is.
  bool Accept(uint32_t passage, Keys* excluded) const;
  MinedNegative Negative(uint32_t passage, std::optional<float> score) const;

  HardNegativeOptions options_;
  SftJsonRows file_;
  ThreadPool& pool_;
  Report report_;
  std::vector<RowOf> rows_;
  std::unordered_map<uint64_t, std::vector<uint64_t>> positives_;  // keys of them, by the query's
  std::unordered_map<std::string, uint32_t> topics_;
  NegativePassages passages_;
  std::optional<Bm25Index> index_;
  std::vector<Bm25Index::Workspace> workspaces_;  // of each thread
};

}  // namespace dear

#endif  // DEAR_API_HARD_NEGATIVES_H_
