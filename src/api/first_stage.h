#ifndef DEAR_API_FIRST_STAGE_H_
#define DEAR_API_FIRST_STAGE_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "api/text_record.h"
#include "api/text_records.h"
#include "base/progress.h"
#include "base/thread_pool.h"
#include "search/bm25_index.h"

namespace dear {

struct FirstStageFiles {
  std::filesystem::path topics;  // see ReadAllTopics; empty: those of the corpus' folder
  std::filesystem::path corpus;  // see TextRecords; or BEIR's folder
};

// Topics with the passages of a corpus that BM25 finds for them. Ranks, ties and scores are those
// of a run of Anserini: equal scores in the order of the ids, scores rounded to four decimals, and
// of those that are then equal each 1e-6 below the one before, so that every reader sees one order.
class FirstStage {
 public:
  // Throws the errors of the files; kInvalidFormat for an id that stands twice, and one with
  // white space, which a run cannot hold; kCancelled.
  FirstStage(const FirstStageFiles& files, const Bm25Parameters& parameters, size_t depth,
             ThreadPool& pool, const ProgressFn& progress = {}, const CancelFn& cancel = {});

  size_t size() const { return topics_.size(); }
  const std::string& qid(size_t topic) const { return topics_[topic].id; }
  const Bm25Index& index() const { return *index_; }

  // For each topic from `begin` up to `end` the lines of a TREC run; empty where nothing is found.
  std::vector<std::string> Find(size_t begin, size_t end);

 private:
  void SortIds(const TextRecords& corpus);

  size_t depth_;
  ThreadPool& pool_;
  std::vector<TextRecord> topics_;
  std::vector<std::string> ids_;  // of the passages
  std::vector<uint32_t> places_;  // of each passage in the order of the ids
  std::optional<Bm25Index> index_;
  std::vector<Bm25Index::Workspace> workspaces_;  // of each thread
};

// Scores as Anserini writes them: see FirstStage. `scores` fall.
std::vector<std::string> RunScores(const std::vector<float>& scores);

}  // namespace dear

#endif  // DEAR_API_FIRST_STAGE_H_
