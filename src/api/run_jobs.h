#ifndef DEAR_API_RUN_JOBS_H_
#define DEAR_API_RUN_JOBS_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/id_table.h"
#include "api/job_source.h"
#include "api/text_collection.h"
#include "eval/run.h"
#include "eval/text_source.h"

namespace dear {

struct RunFiles {
  std::filesystem::path run;     // TREC text
  std::filesystem::path topics;  // see ReadTopics; empty: those of the corpus' folder
  std::filesystem::path corpus;  // see TextCollection
};

// The files that a folder as BEIR lays it out stands for: corpus.jsonl, and queries.jsonl as the
// topics; each may end in .gz. What is no folder stays as it is. Throws kNotFound where a folder
// lacks the file, kInvalidArgument where there are no topics at all.
RunFiles FindRunFiles(RunFiles files);

// The queries of a TREC run, in the order in which they first appear in it. The candidates of each
// are ordered by falling score, ties by the rank column, then as they stand in the file (trec_eval
// breaks ties by docid, which is no first stage's order). Lines of a query need not stand together.
//
// Memory holds the run's lines, the place of each of its passages, and the texts of one query; a
// gzipped corpus or topics file is no random access, of it the texts that the run names are held.
class RunJobs : public JobSource {
 public:
  explicit RunJobs(const RunFiles& files);

  // Throws what Run::Parse, ReadTopics and TextCollection throw; kInvalidFormat for a run that is
  // JSON, ids that are no UTF-8, and a document that a query has twice; kNotFound for queries
  // without a topic and documents that the corpus lacks: how many, and the first of them.
  JobsOutline Check(const CancelFn& cancel) override;
  std::optional<RankJob> Next() override;
  const std::string& name() const override { return name_; }

 private:
  void ReadRun();
  void NumberIds();
  void CheckTopics(std::vector<std::string>* notes) const;
  void CheckCorpus() const;
  std::string FirstMissing() const;
  // Of the bytes of the files, packed as they are.
  uint64_t Fingerprint() const;

  RunFiles files_;
  std::string name_;
  std::shared_ptr<const eval::TextSource> text_;
  eval::Run run_;
  std::vector<uint32_t> order_;  // of the run's queries, which are sorted by id there
  IdTable qids_;
  IdTable docids_;
  std::optional<TextCollection> topics_;
  std::optional<TextCollection> corpus_;
  size_t next_ = 0;
};

}  // namespace dear

#endif  // DEAR_API_RUN_JOBS_H_
